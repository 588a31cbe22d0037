"""A process that calls what it is told to: ``python -m stream.bulk.child``.

Only `stream.bulk.processes` starts it, and speaks to it by its stdin and stdout.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from typing import IO

from stream.bulk.processes import read_message, write_message


def main() -> None:
    """Call until there is nothing more to call, or nobody who would hear of it."""
    # We are ended by SIGTERM; a Ctrl-C is whose terminal it is.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever prints must not print into an answer.
    os.dup2(2, 1)
    requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    while (request := requests.get()) is not None:
        write_message(answers, _answer(request))


def _listen(pipe: IO[bytes], requests: queue.SimpleQueue[bytes | None]) -> None:
    """Take requests; one comes only when the one before is answered."""
    while (request := read_message(pipe)) is not None:
        requests.put(request)
    # Whoever asked wants nothing more, or is gone: then what is going on is of no use.
    os._exit(0)


def _answer(request: bytes) -> bytes:
    """Call, and say what came of it: whether it was done, and the value or what was raised."""
    try:
        function, args, kwargs = pickle.loads(request)  # noqa: S301 - of our own parent.
        return pickle.dumps((True, function(*args, **kwargs)))
    except Exception as error:
        error.add_note(f"in a process of its own:\n{traceback.format_exc()}")
        try:
            return pickle.dumps((False, error))
        except Exception:
            return pickle.dumps((False, RuntimeError(traceback.format_exc())))


if __name__ == "__main__":
    main()
