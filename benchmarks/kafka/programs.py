"""Programs in processes of their own, with whom one talks in lines."""

from __future__ import annotations

import subprocess
import threading
from types import TracebackType

from benchmarks.harness import BenchmarkError
from benchmarks.kafka.peers import python_of
from benchmarks.machine import ROOT

_SECONDS_MAX = 180.0


class Program:
    """A module of `benchmarks.kafka` that runs until the end of the block, or for three minutes.

    Parameters
    ----------
    module : str
    argument : str
        Its only one.
    """

    def __init__(self, module: str, argument: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [python_of(module), "-m", f"benchmarks.kafka.{module}", argument],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # One that hangs ends, and with it whoever waits for its next line.
        self._bound = threading.Timer(_SECONDS_MAX, self._process.kill)
        self._bound.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._process.kill()
        self._process.communicate()
        self._bound.cancel()

    def hear(self, before: str) -> str:
        """Return the next line that it says.

        Raises
        ------
        BenchmarkError
            If it ends before `before`.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchmarkError(f"{self._module} ended before {before}")
        return line.strip()

    def tell(self, line: str) -> None:
        """Tell it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
