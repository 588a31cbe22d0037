"""How much Python runs: instructions of its bytecode, counted one by one."""

import sys
from collections.abc import Callable


def instructions(work: Callable[[], object]) -> int:
    """Return how many instructions of Python's bytecode a call runs, in all that it calls."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event == "opcode":
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
