"""The demo as a user starts it: a command, its report, and Ctrl-C."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numba
import pytest
from confluent_kafka import Consumer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        numba.config.DISABLE_JIT, reason="the demo is about speed: interpreted kernels lag behind"
    ),
]

COMMAND = [sys.executable, "-m", "stream", "demo"]
START_SECONDS = 90
KEYS = {"events", "decisions", "alerts", "labels_learned", "dead_letters", "events_per_s"}
KEYS |= {"latency_ms"}


def environment():
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FRAUD_")}
    return {**kept, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}


def wait_for(path, text, process):
    deadline = time.monotonic() + START_SECONDS
    while text not in path.read_text():
        assert process.poll() is None, path.read_text()
        assert time.monotonic() < deadline, path.read_text()
        time.sleep(0.05)


def wait_for_a_decision(bootstrap):
    """Any client may look on."""
    group = {"group.id": "tests", "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": bootstrap, **group})
    try:
        consumer.subscribe(["fraud.decisions"])
        message = consumer.poll(START_SECONDS)
        assert message is not None
        assert message.error() is None
    finally:
        consumer.close()


def family(pid):
    """Every living process that descends from this one: parents are in /proc."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(entry.name)] = int(fields[1])
    found, new = set(), {pid}
    while new:
        found |= new
        new = {child for child, parent in parents.items() if parent in new} - found
    return found - {pid}


def alive(pids):
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and not is_zombie(pid)]


def is_zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def check(report):
    assert report.keys() >= KEYS
    assert report["latency_ms"].keys() == {"p50", "p99", "p999"}
    assert report["decisions"] == report["events"] == report["decisions_read"]
    assert report["events_per_s"] > 0


def test_a_short_demo_decides_every_payment_and_learns():
    done = subprocess.run(
        [*COMMAND, "--seconds", "6", "--rate", "200", "--json"],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_SECONDS + 60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    check(report)
    assert 1000 < report["events"] < 1400
    assert report["labels_learned"] > 0
    assert report["dead_letters"] == 0
    latency = report["latency_ms"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["p999"]
    assert "Traceback" not in done.stderr
    assert "ends it" in done.stderr
    assert "the live page: http://127.0.0.1:" in done.stderr
    assert len(done.stderr.splitlines()) == 5


def test_ctrl_c_ends_the_demo_with_its_report_and_leaves_no_process(tmp_path):
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [*COMMAND, "--rate", "200", "--json"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,
        )
    try:
        wait_for(err, "sending", process)
        wait_for_a_decision(re.search(r"broker on (\S+)", err.read_text())[1])
        children = family(process.pid)
        assert children
        admin = re.search(r"live page: (http://127\.0\.0\.1:(\d+))", err.read_text())
        with urllib.request.urlopen(f"{admin[1]}/metrics", timeout=START_SECONDS) as answer:
            assert "fraud_ready 1.0" in answer.read().decode()
        # Somebody who has begun to ask, and says no more.
        asking = socket.create_connection(("127.0.0.1", int(admin[2])), START_SECONDS)
        asking.sendall(b"GET /metrics HTTP/1.1\r\nHost: local")
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 130, err.read_text()
        asking.close()
    finally:
        process.kill()
        process.wait(10)
    check(json.loads(out.read_text()))
    assert "Traceback" not in err.read_text()
    assert alive(children) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_start_up_ends_it_without_a_trace(tmp_path, number):
    err = tmp_path / "err"
    with err.open("wb") as stderr:
        process = subprocess.Popen(
            [*COMMAND, "--json"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            process_group=0,
        )
    try:
        wait_for(err, "embedded broker on", process)
        children = family(process.pid)
        process.send_signal(number)
        assert process.wait(15) in (130, -number), err.read_text()
    finally:
        process.kill()
        process.wait(10)
    assert "Traceback" not in err.read_text()
    assert alive(children) == []


def test_in_a_terminal_the_picture_lives_and_ctrl_c_ends_it():
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [*COMMAND, "--rate", "300"], environment())
    shown, ended = b"", None
    children = set()

    def read(until, seconds):
        nonlocal shown
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, shown.decode(errors="replace")[-3000:]
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    shown += os.read(terminal, 65536)
                except OSError:  # The other end is closed.
                    return

    def has_ended():
        nonlocal ended
        if ended is None:
            found, status = os.waitpid(pid, os.WNOHANG)
            ended = os.waitstatus_to_exitcode(status) if found else None
        return ended is not None

    try:
        read(lambda: re.search(rb"[1-9]\d* payments, ", shown), START_SECONDS)
        frames = shown.count(b" payments, ")
        read(lambda: shown.count(b" payments, ") >= frames + 4, 30)
        children = family(pid)
        os.write(terminal, b"\x03")
        read(has_ended, 15)
        deadline = time.monotonic() + 5
        while not has_ended() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert ended == 130
    finally:
        if ended is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(terminal)
    text = shown.decode(errors="replace")
    assert "p50 ms" in text
    assert "labels learned" in text
    assert "Traceback" not in text
    assert "\x1b[?25h" in text[text.rindex("\x1b[?25l") :]  # The cursor is back.
    assert alive(children) == []
