"""A task that a fork could not reproduce exactly runs in a plain Python; its environment is complete in both."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from python_client import PLAIN
from warm_python import warm_python

FLOWS = Path(__file__).parents[2] / "flows"
LIBRARY = "sched"
SHOWN = "import os, sys, time; print({}, 'sched' in sys.modules)"


@pytest.fixture(scope="module")
def python() -> Iterator[str]:
    with warm_python([LIBRARY]) as python:
        subprocess.run([python, "-c", ""], check=True)
        yield python


def shell(command: str, folder, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("before", "shown", "after"),
    [
        ("umask 077;", "os.umask(0)", ""),
        ("nice -n 3", "os.nice(0)", ""),
        ("taskset -c 0", "os.sched_getaffinity(0)", ""),
        ("PYTHONHASHSEED=3", "hash('text')", ""),
        ("PYTHONUTF8=0 PYTHONIOENCODING=latin-1", "sys.stdout.encoding", ""),
        ("PYTHONSAFEPATH=1", "sys.path[0]", ""),
        ("TZ=Asia/Tokyo", "time.tzname", ""),
        ("", "sys.stdin, os.fspath('closed')", "<&-"),
        ("", "sys.stderr, os.fspath('closed')", "2>&-"),
        ("exec 9<<<handed;", "os.read(9, 6)", ""),
        ("mkdir gone; cd gone; rmdir ../gone;", "os.fspath('no folder')", ""),
    ],
)
def test_what_a_fork_has_from_its_server_is_left_to_a_plain_python(python, before, shown, after, tmp_path):
    commands = [f'{before} {each} -c "{SHOWN.format(shown)}" {after}' for each in (sys.executable, python)]
    plain, here = [shell(command, tmp_path) for command in commands]
    assert plain == here
    assert plain[1].endswith(" False\n")


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        ("env 'with.dot=1' 'BASH_FUNC_x%%=() { :; }'", "os.environ['with.dot'], os.environ['BASH_FUNC_x%%']"),
        ("env -u PWD", "os.environ.get('PWD')"),
        (r"X=$'\xff\n'", "os.environb[b'X']"),
        (r"mkdir $'\xff'; cd $'\xff';", "os.getcwdb()"),
        ("export X=$(head -c 120000 /dev/zero | tr '\\0' x); Y=$X Z=$X", "len(os.environ['X'])"),
        ("PYTHONPATH=here:/there:/there", "[path for path in sys.path if 'here' in path]"),
        ("env -u PYTHONPATH", "[path for path in sys.path if path in '$PYTHONPATH'.split(':')]"),
    ],
)
def test_what_a_fork_has_of_its_own(python, before, shown, tmp_path):
    answers = [shell(f'{before} {each} -c "{SHOWN.format(shown)}"', tmp_path) for each in (sys.executable, python)]
    assert [answer[0] for answer in answers] == [0, 0], answers
    assert answers[0][1].removesuffix(" False\n") == answers[1][1].removesuffix(" True\n")


def test_a_fork_apart_is_out_of_reach_of_the_runs_terminal(python):
    """As with ``timeout``, which has a process group of its own: Ctrl-C does not reach what it runs."""
    code = "import os, signal; signal.signal(2, signal.SIG_DFL); print(os.getpgrp(), flush=True); signal.pause()"
    with subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, process_group=0) as client:
        assert client.stdout is not None
        group = int(client.stdout.readline())
        client.send_signal(signal.SIGINT)
        assert client.wait(60) == -signal.SIGINT
    assert group != os.getpgrp()


def test_a_signal_that_comes_while_the_fork_is_made_reaches_it(tmp_path):
    address, own = str(tmp_path / "server"), "python_client.traits(), 0"
    program = f"import sys; sys.path.insert(0, {str(FLOWS)!r}); import python_client"
    program += f"; python_client.main(sys.executable, {address!r}, {own})"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        client = subprocess.Popen([sys.executable, "-S", "-c", program, "-c", "pass"])
        connection, _ = server.accept()
        with connection:
            left = int.from_bytes(connection.recv(8), "big")
            while left:
                left -= len(connection.recv(left))
            client.send_signal(signal.SIGTERM)
            connection.sendall(b"1")  # there is a fork
            assert connection.recv(1) == bytes([signal.SIGTERM])
            connection.sendall((5).to_bytes(4, "big", signed=True))
            assert client.wait(60) == 5


def test_a_server_that_is_killed_takes_its_forks_along():
    """Else the task would go on beside the one that is tried in its place."""
    with warm_python([]) as mortal:
        code = "import os, signal; print(os.getpid(), os.getppid(), flush=True); signal.pause()"
        client = subprocess.Popen([mortal, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert client.stdout is not None
        fork, server = map(int, client.stdout.readline().split())
        ended = os.pidfd_open(fork)
        os.kill(server, signal.SIGKILL)
        is_along = bool(select.select([ended], [], [], 10)[0])
        signal.pidfd_send_signal(ended, signal.SIGKILL) if not is_along else os.close(ended)
        assert PLAIN in client.communicate(timeout=60)[1]
        assert client.returncode == 1
        assert is_along
        assert shell(f"{mortal} -c 'print(1)'", None)[1] == "1\n"
