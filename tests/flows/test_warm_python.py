"""Forks of a Python with loaded libraries behave like plain Python processes."""

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from warm_python import LIBRARIES, PLAIN, is_warm, warm_python, warm_tasks

from tests.support.warm_python import warm_python as with_all_libraries

FLOWS = Path(__file__).parents[2] / "flows"
#: Of the standard library, and imported by nothing else here.
LIBRARY = "sched"
SCRIPT = """import os, sys, threading
threading.Thread(target=lambda: (threading.main_thread().join(), print("a thread"))).start()
print(sys.argv, __name__, os.path.basename(__file__), os.environ["GIVEN"], os.getcwd(), sys.stdin.read())
print("err", file=sys.stderr)
sys.exit(3)
"""


@pytest.fixture(scope="module")
def python() -> Iterator[str]:
    with warm_python([LIBRARY]) as python:
        assert python != sys.executable
        assert said(python, "1")  # the library is loaded when the first fork has been made
        yield python


def said(python: str, expression: str, **environment: str) -> str:
    command = [python, "-c", f"import os, sys; print({expression})"]
    env = {**os.environ, **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()


def test_a_library_is_loaded_and_the_project_is_not(python):
    assert said(python, f"{LIBRARY!r} in sys.modules") == "True"
    assert said(sys.executable, f"{LIBRARY!r} in sys.modules") == "False"
    assert said(python, "[name for name in sys.modules if name.startswith('moemoe')]") == "[]"


def test_threads_sleep_while_they_wait():
    """The libraries' process has read how, before any fork says anything."""
    of_server = "open(f'/proc/{os.getppid()}/environ').read().split('\\0')"
    for given, policy in (({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")):
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("OMP_WAIT_POLICY", raising=False)
            for name, value in given.items():
                patch.setenv(name, value)
            with warm_python([]) as python:
                assert said(python, f"'OMP_WAIT_POLICY={policy}' in {of_server}") == "True"


@pytest.mark.parametrize(
    "arguments",
    [
        ["-u", "script.py", "a", "-b"],
        ["-m", "package.module", "--c"],
        ["-W", "error", "-c", "import sys, warnings; print(sys.argv); warnings.warn('an error')", "d"],
        ["-c", "import sys; sys.exit('a sentence')"],
        ["-c", "raise SystemExit"],
        ["-c", "import os; os._exit(7)"],
        ["-c", "import os; os.kill(os.getpid(), 9)"],
        ["-c", "import os; os.abort()"],
        ["-X", "utf8", "-c", "import sys; print(sys.flags.utf8_mode)"],
        ["--version"],
        ["no_such_script.py"],
        ["package"],
    ],
)
def test_what_comes_out_is_what_python_says(python, arguments, tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "module.py").write_text(SCRIPT)
    (tmp_path / "package" / "__main__.py").write_text(SCRIPT)
    (tmp_path / "script.py").write_text(SCRIPT)
    results = []
    for executable in (sys.executable, python):
        done = subprocess.run(
            [executable, *arguments], input="from outside", cwd=tmp_path, env={**os.environ, "GIVEN": "it"},
            capture_output=True, text=True,
        )  # fmt: skip
        last = [line.replace(python, sys.executable) for line in done.stderr.splitlines()[-1:]]
        results.append((done.returncode, sorted(done.stdout.splitlines()), last))
    assert results[0] == results[1]


def test_limits_are_those_of_who_starts_it(python):
    code = (
        "import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    command = f"ulimit -S -f 77; ulimit -S -n 99; exec {python} -c '{code}'"
    limited = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
    assert limited.startswith("(78848, ")
    assert "(99, " in limited


def test_a_sitecustomize_is_run_for_each(python, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import os, sys; os.environ['SEEN'] = sys.orig_argv[-1]")
    assert "SEEN" in said(python, "os.environ['SEEN']", PYTHONPATH=str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text("raise ValueError")  # Python goes on, and so does a fork
    assert said(python, "1", PYTHONPATH=str(tmp_path)) == "1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP])
@pytest.mark.parametrize("own_session", [False, True])
def test_signals_reach_the_fork(python, number, own_session):
    code = f"import signal; signal.signal({int(number)}, lambda *_: exit(5)); print(flush=True); signal.pause()"
    process = subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, start_new_session=own_session)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    assert process.wait(60) == 5


def test_ctrl_c_reaches_a_fork_once():
    """It is sent to client and fork, which are of one group; a second one would interrupt what the first has begun."""
    fork = """import signal
signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
signal.signal(signal.SIGUSR1, lambda *_: exit(print("the end")))
print("ready", flush=True)
while True:
    signal.pause()
"""
    code = f"""import signal, subprocess, sys
from warm_python import warm_tasks
signal.signal(signal.SIGINT, lambda *_: None)
with warm_tasks([]):
    client = subprocess.Popen([sys.executable, "-c", {fork!r}])
    print(client.pid, flush=True)
    client.wait()
"""
    env = {**os.environ, "PYTHONPATH": str(FLOWS)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True, start_new_session=True) as starter:
        assert starter.stdout is not None
        client = int(starter.stdout.readline())
        assert starter.stdout.readline() == "ready\n"
        os.killpg(starter.pid, signal.SIGINT)
        assert starter.stdout.readline() == "interrupted\n"
        os.kill(client, signal.SIGUSR1)
        assert starter.stdout.read() == "the end\n"


def test_a_fork_ends_with_its_client(python):
    code = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
    with subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        fork = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
        assert select.select([fork], [], [], 60)[0]
        os.close(fork)


def test_forks_end_with_what_started_the_server(tmp_path):
    """kill -9 of it: SIGTERM to what runs, which may put things in order first; nothing is left behind."""
    orderly = "import signal; signal.signal(15, lambda *_: exit(print('in order'))); print(flush=True); signal.pause()"
    code = f"""import os, psutil, signal, subprocess, sys
from warm_python import warm_tasks
with warm_tasks([]):
    [server] = psutil.Process().children()
    fork = subprocess.Popen([sys.executable, "-c", {orderly!r}], stdout=subprocess.PIPE)
    fork.stdout.readline()
    output = fork.stdout.fileno()
    os.set_inheritable(output, True)
    print(os.getpid(), output, server.pid, os.path.dirname(sys.executable), flush=True)
    signal.pause()
"""
    env = {**os.environ, "PYTHONPATH": str(FLOWS)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env, text=True) as starter:
        assert starter.stdout is not None
        pid, output, server, folder = starter.stdout.readline().split()
        ended = os.pidfd_open(int(server))
        fork_said = open(f"/proc/{pid}/fd/{output}")  # noqa: SIM115
        starter.kill()
    assert fork_said.read() == "in order\n"
    fork_said.close()
    assert select.select([ended], [], [], 60)[0]
    os.close(ended)
    assert not Path(folder).exists()


def test_without_a_server_it_is_plain(tmp_path):
    with warm_python([LIBRARY]) as python:
        said(python, "1")
        assert said(python, f"{LIBRARY!r} in sys.modules", **{PLAIN: "1"}) == "False"
        Path(python).with_name("socket").unlink()
        assert said(python, f"{LIBRARY!r} in sys.modules") == "False"


def test_it_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    plain = sys.executable
    with warm_tasks([LIBRARY]):
        assert is_warm()
        folder = Path(sys.executable).parent
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o77 == 0, "another person's processes could ask for forks"
        with warm_tasks([LIBRARY]):
            assert Path(sys.executable).parent == folder, "one is enough"
    assert sys.executable == plain
    assert not list(tmp_path.iterdir())


def test_a_folder_that_runs_no_programs(monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # what the kernel says of a file on a mount with noexec
    with warm_python([LIBRARY]) as python:
        assert python == sys.executable


def test_a_temporary_folder_with_a_long_path(tmp_path, monkeypatch):
    (long := tmp_path / ("long" * 25)).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with warm_python([LIBRARY]) as python:
        assert python == sys.executable


def test_a_python_in_a_folder_with_a_space(tmp_path, monkeypatch):
    (tmp_path / "my tools").mkdir()
    own = tmp_path / "my tools" / "python"
    own.symlink_to(shutil.which(sys.executable) or sys.executable)
    monkeypatch.setattr(sys, "executable", str(own))
    with warm_python([]) as python:
        assert python == str(own), "a program's first line cannot name it"


def test_every_library_is_loaded_in_the_end():
    """One that cannot be is left out without a word: a name that is wrong would cost each step its import.

    Metaflow is not, where a test before this one has set it up in another way; it has a test of its own.
    """
    missing = f"[name for name in {LIBRARIES} if name not in sys.modules and name != 'metaflow']"
    python = with_all_libraries()
    asked = (said(python, missing) for _ in range(1000))  # they are loaded while nobody asks
    assert next((answer for answer in asked if answer == "[]"), said(python, missing)) == "[]"


def test_mlflow_knows_the_packages_of_modules():
    """A map that registering a model needs, and that takes seconds; the last that the server makes."""
    module = "sys.modules.get('mlflow.utils.requirements_utils')"
    python, asked = with_all_libraries(), f"getattr({module}, '_MODULES_TO_PACKAGES', None) is not None"
    assert "True" in (said(python, asked) for _ in range(1000))


def test_pages_of_data_docs_are_compiled_once():
    """By the server, for all steps that write some."""
    python = with_all_libraries()
    asked = "type(sys.modules.get('great_expectations.render.view.view').Environment).__name__"
    assert "partial" in (said(python, asked) for _ in range(1000))
    code = """import jinja2
from great_expectations.render.view.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
del jinja2.Environment.compile
for view in (DefaultJinjaPageView, DefaultJinjaIndexPageView):
    view()._get_template(view._template)"""
    subprocess.run([python, "-c", code], check=True)
    anew = f"from great_expectations.render.view import view as v; v.Environment = v.Environment.func\n{code}"
    compiled = subprocess.run([python, "-c", anew], capture_output=True, text=True).stderr
    assert "no attribute 'compile'" in compiled


def test_metaflow_has_the_settings_of_each(tmp_path):
    loaded = "'metaflow' in sys.modules"
    user = "__import__('metaflow.metaflow_config').metaflow_config.USER"
    with warm_python(["metaflow"]) as python:
        said(python, "1")  # it is loaded after it
        assert said(python, loaded, METAFLOW_RUN_ID="1") == "True"
        for settings in ({"METAFLOW_USER": "another"}, {"HOME": str(tmp_path)}, {"PYTHONPATH": str(tmp_path)}):
            assert said(python, loaded, **settings) == "False"
        assert said(python, user, METAFLOW_USER="another") == "another"
        elsewhere = subprocess.run([python, "-c", f"import sys; print({loaded})"], cwd=tmp_path, capture_output=True)
        assert elsewhere.stdout == b"False\n", "a folder may have settings of its own"


@pytest.mark.parametrize("user", ["", "another"])
def test_what_metaflow_pickles(user):
    """It puts its tuples into ``__main__``, by which they are found."""
    code = (
        "import pickle; from metaflow.tuple_util import ForeachFrame as F; pickle.loads(pickle.dumps(F('step', 'x')))"
    )
    environment = {**os.environ, **({"METAFLOW_USER": user} if user else {})}
    with warm_python(["metaflow"]) as python:
        said(python, "1")
        subprocess.run([python, "-c", code], env=environment, check=True)


def test_a_fork_starts_a_server_of_its_own(python):
    """Whose forks have its settings, and end with it."""
    code = f"""import os, subprocess, sys
from warm_python import warm_tasks
before = sys.executable
with warm_tasks([{LIBRARY!r}]):
    assert sys.executable != before
    asked = "import os, sys; print({LIBRARY!r} in sys.modules, os.environ['GIVEN'], sys.executable)"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert said == ["True", "it", sys.executable], said
    own = sys.executable
    with warm_tasks(["a library that it lacks"]):
        assert sys.executable == own
assert sys.executable == before
with warm_tasks(["a library that it lacks"]):
    assert sys.executable == before, "the server that there is goes on to load it"
print(os.path.exists(own))"""
    environment = {**os.environ, "PYTHONPATH": str(FLOWS), "GIVEN": "it"}
    done = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGUSR2])
def test_a_fork_ignores_what_its_client_does(python, number):
    """Whoever starts it may have come to ignore a signal since the server began, or to ignore it no more."""
    asked = f"__import__('signal').getsignal({int(number)}), {LIBRARY!r} in sys.modules"
    before, told = signal.getsignal(number), []
    try:
        for action in (signal.SIG_IGN, signal.SIG_DFL):
            signal.signal(number, action)
            told.append((said(python, asked), said(sys.executable, asked)))
    finally:
        signal.signal(number, before)
    assert [fork for fork, _ in told] == [plain.replace("False", "True") for _, plain in told]
    assert told[0] != told[1]


def test_threads_and_random_numbers_are_a_process_own():
    python = with_all_libraries()
    threads = "__import__('torch').get_num_threads()"
    assert [said(python, threads, OMP_NUM_THREADS=number) for number in ("1", "2")] == ["1", "2"]
    draws = [said(python, "__import__('numpy').random.rand(), __import__('random').random()") for _ in range(2)]
    assert draws[0] != draws[1]
