"""Every Python process with this folder on PYTHONPATH loads this first, and injects the test's planned faults.

MOEMOE_FAULTS names a folder. ``plan/PROCESS`` holds what is to happen, a line for each start of that process:

    kill result 7      SIGKILL at its seventh change of a result: the root, what MLflow stores
    kill-all change 7  SIGKILL to its whole process group, as when the machine goes away, at the seventh change of all
    small-disk 99      no file may grow beyond 99 bytes
    touch FILE         creates FILE; ``remove FILE`` removes it
    pause PIPE         writes its number into a named pipe and waits for a signal
    nothing

A change is a file opened for writing, renamed or removed, a folder made, a database connected to, as far as it lies
under the folder that the test works in; a program started; a request sent by HTTP. ``journal/PROCESS`` gets a line for
each, and one when the process starts.
"""

import atexit
import os
import resource
import signal
import sys
from contextlib import suppress

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.link", "os.symlink", "sqlite3.connect"}
ANYWHERE = {"subprocess.Popen", "http.client.send"}
RESULTS = ("/store/", "/mlruns/", "/mlflow.db")


def process_name() -> str | None:
    """The step of a flow, torchrun, or a training process by its rank; None: it is left alone."""
    words = sys.orig_argv
    if "moemoe.training.torchrun" in words:
        return "torchrun"
    if "moemoe.training.run" in words:
        return f"worker-{os.environ.get('RANK', 0)}"
    if "step" in words and "--task-id" in words:
        return words[words.index("step") + 1]
    return None


class Fate:
    """What is to happen to this process, and what it has changed so far."""

    def __init__(self, folder: str, process: str):
        self.within = os.path.dirname(folder)
        self.changes = {"change": 0, "result": 0}
        self.action, self.kind, self.at = "nothing", "", 0
        self.busy = False
        self.journal = os.open(f"{folder}/journal/{process}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(self.journal, b"start\n")
        self.struck = f"{folder}/struck"
        self.process = process
        plan = f"{folder}/plan/{process}"
        if os.path.exists(plan):
            with open(plan) as file:
                now, *later = file.read().splitlines() or ["nothing"]
            with open(plan, "w") as file:
                file.writelines(f"{line}\n" for line in later)
            self.begin(*now.split())

    def begin(self, action: str, value: str = "", at: str = "0") -> None:
        if action == "small-disk":
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(value), int(value)))
        elif action == "touch":
            open(value, "w").close()
        elif action == "remove":
            os.remove(value)
        elif action == "pause":
            with open(value, "w") as pipe:
                print(os.getpid(), file=pipe)
            signal.pause()
        else:
            self.action, self.kind, self.at = action, value, int(at)

    def watch(self, event: str, arguments: tuple) -> None:
        if self.busy or not self.is_change(event, arguments):
            return
        self.busy = True
        path = str(arguments[0]).removeprefix(self.within) if event not in ANYWHERE else ""
        kinds = ("change", "result") if path.startswith(RESULTS) or event == "http.client.send" else ("change",)
        for kind in kinds:
            self.changes[kind] += 1
        what = f"{event} {path[:200]} {str(arguments[1:])[:100]!r}"
        with suppress(OSError):  # where the disk is small, the journal too may grow no further
            os.write(self.journal, f"{kinds[-1]} {what}\n".encode())
        if self.kind in kinds and self.changes[self.kind] == self.at:
            self.strike(what)
        self.busy = False

    def strike(self, what: str = "the end of it") -> None:
        """Kills this process, if that is planned; at its end where it does less than the run that was watched."""
        if not self.action.startswith("kill"):
            return
        self.busy = True
        with open(self.struck, "a") as file:
            file.write(f"{self.process} {self.action} {self.kind} {self.at} {what}\n")
        if self.action == "kill-all":
            os.killpg(os.getpgid(0), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def is_change(self, event: str, arguments: tuple) -> bool:
        if event in ANYWHERE:
            return True
        if event == "open":
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            if not flags & (os.O_WRONLY | os.O_RDWR):
                return False
        elif event not in CHANGES:
            return False
        return self.within in str(arguments[0]) and "__pycache__" not in str(arguments[0])


if "MOEMOE_FAULTS" in os.environ and (process := process_name()):
    fate = Fate(os.environ["MOEMOE_FAULTS"], process)
    sys.addaudithook(fate.watch)
    atexit.register(fate.strike)
