"""Workers as processes of their own that are at work at once: forked from one that is ready.

``python tests/workers/lives.py CONFIG`` imports and compiles what a worker needs, and then forks a
process for each line of JSON on its standard input: which command it is, in which environment,
where its output goes, and at which point it kills itself. No client of Kafka is made before the
fork. `Lives` speaks to it; there is one for all tests of a run's process.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.worker_site import Site

READY_SECONDS = 200
# In the process that forks.
_ALIVE: set[int] = set()


class Life:
    """A worker's process."""

    def __init__(self, pid: int, out: Path, err: Path) -> None:
        self.pid, self.out, self.err = pid, out, err
        self.status: int | None = None
        self.ended = threading.Event()

    def wait(self, seconds: float) -> int | None:
        """Return the exit status, less than 0 for a signal; None if it is still at work."""
        self.ended.wait(seconds)
        return self.status

    def end(self, number: int, seconds: float) -> int:
        """Send a signal and return the exit status; a process that hangs is a failure."""
        if not self.ended.is_set():
            os.kill(self.pid, number)
        status = self.wait(seconds)
        assert status is not None, f"still there after {seconds} s: {self.log()}"
        return status

    def log(self) -> str:
        return self.err.read_text()

    def wait_for(self, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.log():
            assert not self.ended.is_set(), self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def wait_until_stopped(self, seconds: float = 60) -> None:
        """Wait until SIGSTOP has done its work."""
        deadline = time.monotonic() + seconds
        stat = Path("/proc", str(self.pid), "stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "T":
            assert not self.ended.is_set(), self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def resident(self) -> int:
        """Return the bytes of memory that are its own."""
        lines = Path("/proc", str(self.pid), "status").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith("RssAnon:")]
        return int(line.split()[1]) << 10

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.out.read_text())
        return report


class _Parent:
    """The process that forks, for the workers of all sites: it is dear to make ready."""

    def __init__(self, site: Site, under: Sequence[str] = ()) -> None:
        self._lives: dict[int, Life] = {}
        self._born = threading.Event()
        self._last = 0
        self._process = subprocess.Popen(
            [*under, sys.executable, __file__, str(site.config)],
            env=site.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        assert self._born.wait(READY_SECONDS), "no worker could be made ready"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def bear(self, out: Path, err: Path, **asked: Any) -> Life:
        """Have a process forked."""
        out.touch()
        err.touch()
        self._born.clear()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({**asked, "out": str(out), "err": str(err)}) + "\n")
        self._process.stdin.flush()
        assert self._born.wait(10), "no process was forked"
        life = self._lives[self._last]
        life.out, life.err = out, err
        return life

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(READY_SECONDS)
        self._thread.join(10)
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if "ended" in said:
                life = self._lives[said["ended"]]
                life.status = said["status"]
                life.ended.set()
                continue
            if said["born"]:
                self._last = said["born"]
                self._lives[self._last] = Life(self._last, Path(), Path())
            self._born.set()


_PARENTS: list[_Parent] = []


def _parent(site: Site) -> _Parent:
    """Return the process that forks, made ready for such a site if there is none yet."""
    if not _PARENTS or not _PARENTS[-1].alive:
        _PARENTS.append(_Parent(site))
    return _PARENTS[-1]


def end_parents() -> None:
    """End the processes that fork, and what they forked."""
    while _PARENTS:
        _PARENTS.pop().close()


class Lives:
    """Start workers of a site; a context manager that kills what is left.

    `under` is a command that runs another, in whose surroundings they are to live: then the
    process that forks them is theirs alone.
    """

    def __init__(self, site: Site, under: Sequence[str] = ()) -> None:
        self._site, self._under = site, under
        self._own: _Parent | None = None
        self._lives: list[Life] = []

    def __enter__(self) -> Lives:
        if self._under:
            self._own = _Parent(self._site, self._under)
        else:
            _parent(self._site)
        return self

    def __exit__(self, *_: object) -> None:
        for life in self._lives:
            if not life.ended.is_set():
                os.kill(life.pid, signal.SIGKILL)
                life.ended.wait(10)
        if self._own is not None:
            self._own.close()
            self._own = None

    @property
    def pid(self) -> int:
        """Of the process that forks them."""
        return (self._own or _parent(self._site)).pid

    def worker(
        self,
        point: str = "",
        hits: int = 1,
        number: int = signal.SIGKILL,
        config: Path | None = None,
        environment: Mapping[str, str] | None = None,
        **hardships: Any,
    ) -> Life:
        """Start a worker, which gets a signal when it comes by a point so many times.

        `environment` comes over that of the site; `hardships` are what it has to live with, see
        `hardships.HARDSHIPS`.
        """
        arguments = "run", "--config", str(config or self._site.config), "--json"
        fate = {"point": point, "hits": hits, "number": number, "hardships": hardships}
        return self._start(
            arguments, **fate, environment={**self._site.environment, **(environment or {})}
        )

    def started(self, *arguments: Any, **options: Any) -> Life:
        """Start a worker as `worker` does; return it when it has said that it has."""
        life = self.worker(*arguments, **options)
        life.wait_for('"started"')
        return life

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command to its end; return its status, stdout and stderr."""
        life = self._start(arguments, point="", hits=0, number=0, hardships={})
        status = life.wait(60)
        assert status is not None, life.log()
        return status, life.out.read_text(), life.log()

    def _start(self, arguments: tuple[str, ...], **fate: Any) -> Life:
        stem = self._site.folder / f"life-{len(list(self._site.folder.glob('life-*.out'))) + 1}"
        out, err = stem.with_suffix(".out"), stem.with_suffix(".err")
        given = {"arguments": arguments, "environment": self._site.environment, **fate}
        life = (self._own or _parent(self._site)).bear(out, err, **given)
        self._lives.append(life)
        return life


def _serve(config: Path) -> None:
    """Fork a process for each line until there are no more."""
    _make_ready(config)
    _say(born=0)
    lines = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.02)
        if readable:
            more = os.read(0, 65536)
            if not more:
                # Whoever asked for them is gone.
                for pid in _ALIVE:
                    os.kill(pid, signal.SIGKILL)
                return
            lines += more
        while b"\n" in lines:
            line, _, lines = lines.partition(b"\n")
            asked = json.loads(line)
            pid = os.fork()
            if pid == 0:
                _live(asked)
            _ALIVE.add(pid)
            _say(born=pid)
        _reap()


def _reap() -> None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    if pid:
        _ALIVE.discard(pid)
        _say(ended=pid, status=os.waitstatus_to_exitcode(status))


def _say(**what: Any) -> None:
    os.write(1, (json.dumps(what) + "\n").encode())


def _make_ready(path: Path) -> None:
    """Import and compile all that a worker needs."""
    import stream.commands.worker  # noqa: F401
    from stream.app import codecs_of, decoders_of, engine_of, registry_of
    from stream.config.configuration import load
    from stream.warm_up import warm_up

    config = load(path)
    key = config.hash_key()
    registry = registry_of(config)
    decoders = decoders_of(config, registry, key)
    codecs_of(config, registry)
    registry.close()
    warm_up(engine_of(config, key), decoders.transactions, decoders.labels)


def _live(asked: dict[str, Any]) -> None:
    """Be the command, and never return."""
    os.setpgid(0, 0)
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(asked["environment"])
    from workers import dying, hardships

    from stream.cli.main import main

    if asked["point"]:
        dying.install(asked["point"], asked["hits"], asked["number"])
    hardships.install(asked["hardships"])
    sys.argv = ["fraudstream", *asked["arguments"]]
    status = 1
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]
    _serve(Path(sys.argv[1]))
