"""The server keeps running, whatever its clients do."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fork_server import TAKEN
from warm_python import warm_python

PAUSE = "import os, signal; print(os.getpid(), os.getppid(), flush=True); signal.pause()"


@pytest.fixture(scope="module")
def python() -> Iterator[str]:
    with warm_python([]) as python:
        yield python


@pytest.fixture
def client(python) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(Path(python).with_name("socket")))
        client.settimeout(60)
        yield client


def is_answered(python: str) -> bool:
    return subprocess.run([python, "-c", "raise SystemExit(3)"], timeout=60).returncode == 3


def test_a_client_that_says_nothing(python, client):
    assert is_answered(python)
    assert client.recv(1) == b"", "it is told to do without"


def test_a_client_that_dies_while_it_asks(python, client):
    """Its output ends: who reads it would wait for as long as the server lives."""
    reader, writer = os.pipe()
    socket.send_fds(client, [(1000).to_bytes(8, "big")], [writer, writer, writer])
    os.close(writer)
    client.sendall(b"[")
    client.close()
    assert is_answered(python)
    assert select.select([reader], [], [], 60)[0]
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_fork_hears_a_signal_before_it_is_ready(python, client):
    request = json.dumps([["-c", "import signal; signal.pause()"], {}, "/", True, [], []]).encode()
    socket.send_fds(client, [len(request).to_bytes(8, "big")], [0, 1, 2])
    client.sendall(request)
    assert client.recv(1) == TAKEN
    client.sendall(bytes([signal.SIGTERM]))
    assert int.from_bytes(client.recv(4), "big", signed=True) == -signal.SIGTERM


def test_a_file_number_that_is_used_again(python):
    """A fork ends, a new client comes, which gets the number of the old one, of which the end is told after that."""
    with subprocess.Popen([python, "-c", PAUSE], stdout=subprocess.PIPE) as old:
        assert old.stdout is not None
        fork, server = map(int, old.stdout.readline().split())
        os.kill(server, signal.SIGSTOP)
        try:
            ended = os.pidfd_open(fork)
            os.kill(fork, signal.SIGKILL)
            select.select([ended], [], [])
            os.close(ended)
            with socket.socket(socket.AF_UNIX) as new:
                new.connect(str(Path(python).with_name("socket")))
                request = json.dumps([["-c", "raise SystemExit(3)"], {}, "/", True, [], []]).encode()
                socket.send_fds(new, [len(request).to_bytes(8, "big")], [0, 1, 2])
                new.sendall(request)
                old.kill()
                old.wait()
                os.kill(server, signal.SIGCONT)
                assert new.recv(1) == TAKEN
                assert int.from_bytes(new.recv(4), "big", signed=True) == 3
        finally:
            os.kill(server, signal.SIGCONT)
    assert is_answered(python)


def test_no_room_for_a_fork(tmp_path):
    """It is asked to do without, and who is there already goes on."""
    code = f"""import os, resource, subprocess, sys
from warm_python import warm_python
with warm_python([]) as python:
    kept = subprocess.Popen([python, "-c", {PAUSE!r}], stdout=subprocess.PIPE)
    fork, server = map(int, kept.stdout.readline().split())
    limits = int(sys.argv[1]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.prlimit(server, resource.RLIMIT_NOFILE, limits)
    print(subprocess.run([python, "-c", "print(1)"], capture_output=True, text=True).stdout, kept.poll())
    kept.kill()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    for files in range(6, 13):
        done = subprocess.run(
            [sys.executable, "-c", code, str(files)], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.stdout == "1\n None\n", (files, done.stderr)
