"""A fork has the same streams and the same end as a new Python process."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from warm_python import warm_python


@pytest.fixture(scope="module")
def python() -> Iterator[str]:
    with warm_python([]) as python:
        yield python


@pytest.mark.parametrize(
    "code",
    [
        "1 / 0",
        "a b",
        "raise KeyboardInterrupt",
        "import signal; signal.raise_signal(signal.SIGINT); print('it goes on')",
        "import sys; sys.exit(['not a text'])",
        "import sys; sys.exit('\\udcff')",
        "import sys; sys.exit(256)",
        "import sys; sys.exit(-1)",
        "import sys; sys.excepthook = lambda *error: print(error[0]); 1 / 0",
        "import sys; sys.stdout.close()",
        "import sys; sys.stdout = None",
        "import sys; print(sys.stdout is sys.__stdout__, sys.stdout.errors, sys.stderr.errors, sys.stdin.errors)",
        "import sys; print('\\udcff', file=sys.stderr)",
        "import os, tempfile; kept = tempfile.NamedTemporaryFile(dir='.'); print(len(os.listdir()))",
        "file = open('text', 'w'); file.write('what is written at the end')",
        "import concurrent.futures as c; c.ThreadPoolExecutor(1).submit(lambda: print('done'))",
        "import threading; threading._register_atexit(lambda: 1 / 0); print('done')",
    ],
)
def test_output_files_and_exit_status_are_those_of_python(python, code, tmp_path):
    results = []
    for name, executable in (("plain", sys.executable), ("fork", python)):
        (folder := tmp_path / name).mkdir()
        done = subprocess.run([executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
        left = [path.read_text() for path in folder.iterdir()]
        results.append((done.returncode, done.stdout, done.stderr, left))
    assert results[0] == results[1]


@pytest.mark.parametrize("arguments", [["-u"], []])
def test_an_unbuffered_output_is_written_at_once(python, arguments):
    environment = {**os.environ, "PYTHONUNBUFFERED": "" if arguments else "1"}
    code = "import os; print('half a line', end=''); os._exit(0)"
    for executable in (sys.executable, python):
        command = [executable, *arguments, "-c", code]
        assert subprocess.run(command, env=environment, capture_output=True).stdout == b"half a line"


def test_a_full_disk_is_told(python):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    for executable in (sys.executable, python):
        with open("/dev/full", "w") as full:
            code = "import sys; sys.stdout.write('text')"
            done = subprocess.run([executable, "-c", code], env=environment, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 120


@pytest.fixture(scope="module")
def with_torch() -> Iterator[str]:
    with warm_python(["torch"]) as python:
        subprocess.run([python, "-c", ""], check=True)  # torch is loaded after it
        yield python


@pytest.mark.parametrize("threads", ["0", "many", "1,2"])
def test_an_impossible_number_of_threads(with_torch, threads):
    code = "import sys; assert 'torch' in sys.modules"
    environment = {**os.environ, "OMP_NUM_THREADS": threads}
    subprocess.run([with_torch, "-c", code], env=environment, check=True, timeout=120)


def test_a_script_by_a_link_in_another_folder(python, tmp_path):
    """Its neighbours are those of the file itself; its name is whole, which processes that it spawns ask for."""
    (tmp_path / "script.py").write_text("import os, sys; os.chdir('/'); print(sys.path[0], __file__)")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "link.py").symlink_to(tmp_path / "script.py")
    for executable in (sys.executable, python):
        command = [executable, "links/link.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == f"{tmp_path} {tmp_path}/links/link.py\n"


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_processes_that_it_starts(python, method, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import concurrent.futures as futures, multiprocessing, sys\ndef double(x): return 2 * x\n"
        "if __name__ == '__main__':\n    context = multiprocessing.get_context(sys.argv[1])\n"
        "    print(futures.ProcessPoolExecutor(1, context).submit(double, 4).result())\n"
    )
    done = subprocess.run([python, str(script), method], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "8\n"), done.stderr
