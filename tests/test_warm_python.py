"""What the tests start in place of Python behaves as Python does."""

import os
import select
import signal
import subprocess
import sys

import pytest

from tests.support.warm_python import LIBRARIES, warm, warm_python

SHOW = "import os, sys; print(sys.argv, os.getcwd(), os.environ.get('MINE'), sys.stdin.read(), flush=True)"


def both(*arguments: str, **options) -> list[tuple[int, str, str]]:
    """Status, output and errors, of the warm Python and of the plain one."""
    answers = []
    for python in (warm_python(), sys.executable):
        done = subprocess.run([python, *arguments], capture_output=True, text=True, timeout=120, **options)
        answers.append((done.returncode, done.stdout, done.stderr))
    return answers


@pytest.mark.parametrize(
    "code",
    [
        SHOW,
        "raise SystemExit(7)",
        "raise SystemExit('no such thing')",
        "import sys; sys.exit(None)",
        "1 / 0",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import atexit; atexit.register(print, 'at the end'); print(__name__)",
        "import threading as t; t.Thread(target=lambda: (t.main_thread().join(), print('the last to end'))).start()",
        "import sys; sys.stderr.write('half a line'); sys.stdout.write('\\u00e9')",
    ],
)
def test_code(code, tmp_path):
    warm_one, plain = both("-c", code, "an argument", "--option", cwd=tmp_path, env={"MINE": "é"}, input="given")
    assert warm_one[:2] == plain[:2]
    assert warm_one[2].splitlines()[-1:] == plain[2].splitlines()[-1:]  # a traceback has other frames above it


def test_a_script_and_a_module(tmp_path):
    (tmp_path / "neighbour.py").write_text("import sys\nprint('neighbour', __name__, sys.argv)\n")
    (tmp_path / "script.py").write_text(f"import neighbour, sys\n{SHOW}\nprint(__name__, __file__, sys.path[0])\n")
    script = str(tmp_path / "script.py")
    for arguments in (["-u", script, "a"], ["-W", "ignore", script], ["-m", "neighbour", "-c", "b"], ["-E", script]):
        warm_one, plain = both(*arguments, cwd=tmp_path, input="")
        assert warm_one[0] == 0, warm_one
        assert warm_one[:2] == plain[:2]


def test_its_libraries_are_loaded_and_nothing_of_ours():
    done = subprocess.run(
        [warm_python(), "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert set(LIBRARIES) <= loaded
    assert not [name for name in loaded if name.split(".")[0] in ("moemoe", "flows", "data_contracts", "metaflow")]


def test_what_it_starts_is_warm_too():
    with warm():
        assert sys.executable == warm_python()
        code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; print(len(sys.modules))'])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[0]) > 3000, done.stdout
    assert sys.executable != warm_python()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_both(number):
    code = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
    client = subprocess.Popen([warm_python(), "-c", code], stdout=subprocess.PIPE, text=True)
    fork = int(client.stdout.readline())
    assert fork != client.pid
    client.send_signal(number)
    assert client.wait(60) == -number
    assert client.stdout.read() == ""  # ends when the fork, which has it too, does


def test_it_goes_on_where_fork_and_client_end_at_once():
    code = "import os, signal; print(os.getpid(), os.getppid(), flush=True); signal.pause()"
    client = subprocess.Popen([warm_python(), "-c", code], stdout=subprocess.PIPE, text=True)
    fork, libraries = map(int, client.stdout.readline().split())
    os.kill(libraries, signal.SIGSTOP)  # it hears of both ends together
    try:
        ended = os.pidfd_open(fork)
        os.kill(fork, signal.SIGKILL)
        select.select([ended], [], [])
        os.close(ended)
        client.kill()
        client.wait()
        assert client.stdout.read() == ""
    finally:
        os.kill(libraries, signal.SIGCONT)
    assert subprocess.run([warm_python(), "-c", "raise SystemExit(3)"], check=False).returncode == 3


def test_a_handler_hears_the_signal():
    code = (
        "import os, signal\nsignal.signal(signal.SIGTERM, lambda *_: os.write(1, b'heard\\n') and exit(5))\n"
        "os.write(1, b'ready\\n')\nsignal.pause()"  # print may still be at work when the handler is called
    )
    client = subprocess.Popen([warm_python(), "-c", code], stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == "ready\n"
    os.kill(client.pid, signal.SIGTERM)
    assert client.communicate(timeout=60)[0] == "heard\n"
    assert client.returncode == 5
