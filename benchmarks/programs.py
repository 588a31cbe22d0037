"""Programs in processes of their own, with whom one talks in lines."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from benchmarks.harness import BenchmarkError
from benchmarks.machine import ROOT


class Program:
    """A module that runs until the end of the block.

    Parameters
    ----------
    module : str
        With its packages.
    argument : str
        Its only one.
    python : str
        The interpreter.
    tree : Path
        The top folder of the code that it runs.
    seconds_max : float
        After which it is ended.
    """

    def __init__(
        self,
        module: str,
        argument: str,
        *,
        python: str = sys.executable,
        tree: Path = ROOT,
        seconds_max: float = 180.0,
    ) -> None:
        self._name = f"{module} of {tree}"
        self._process = subprocess.Popen(
            [python, "-m", module, argument],
            cwd=tree,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # One that hangs ends, and with it whoever waits for its next line.
        self._bound = threading.Timer(seconds_max, self._process.kill)
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

    def end(self) -> None:
        """End it, whatever it does."""
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
            raise BenchmarkError(f"{self._name} ended before {before}")
        return line.strip()

    def tell(self, line: str) -> None:
        """Tell it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
