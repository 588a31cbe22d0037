"""``fraudstream broker``: topics at the configured address until a signal comes."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stream.kafka.client import Connection
from stream.kafka.topics import existing

ROOT = Path(__file__).parents[3]
COMMAND = ("broker",)


def test_it_serves_the_configured_topics_until_ctrl_c(tmp_path):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{listening.getsockname()[1]}"
    process = subprocess.Popen(
        [sys.executable, "-m", "stream", "broker", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FRAUD_KAFKA__BOOTSTRAP": place},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        told = json.loads(process.stdout.readline())
        assert told["bootstrap"] == place
        assert told["topics"]["fraud.audit"] == 1
        assert told["topics"]["fraud.transactions"] == 4
        assert existing(Connection(place)) == told["topics"]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (130, "", "")
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.parametrize("place", ["kafka.example:9092", "127.0.0.1:1,127.0.0.1:2", "127.0.0.1"])
def test_a_place_that_is_not_this_machines_is_refused(run, monkeypatch, place):
    monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", place)
    status, _, said = run()
    assert status == 2
    assert "write 127.0.0.1 and a port" in said
