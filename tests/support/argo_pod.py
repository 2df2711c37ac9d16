"""One container of a compiled workflow, run as a pod would run it: alone with its image, its variables and its volumes.

The machine's own files take the image's place, in a mount namespace: ``/tmp``, the home folder and every volume of the
container are fresh and empty, and the folders of this repository are covered. Processes are in a namespace of their
own, so that a kill ends all of them. ``sleep`` returns at once: what waits a while before it tries again does not.
"""

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlparse

HERE = Path(__file__).parents[2]
HOME = "/tmp/home"
NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
#: Those of the repository that a process could import from, or read.
SOURCES = ("moemoe", "data_contracts", "flows", "tests", "infra", "docs")


@dataclass(frozen=True)
class Ended:
    """How a container ended.

    Args:
        status: its exit status; below 0: the number of the signal that killed it.
        log: what it wrote, both streams together.
    """

    status: int
    log: str


@cache
def image_environment() -> dict[str, str]:
    """What the last image of infra/Dockerfile sets for every process."""
    lines = (HERE / "infra" / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    last = max(i for i, line in enumerate(lines) if line.startswith("FROM "))
    words = [word for line in lines[last:] if line.startswith("ENV ") for word in shlex.split(line)[1:]]
    return dict(word.split("=", 1) for word in words)


@cache
def covered() -> list[Path]:
    """The folders of this repository, here and where an editable install of it leads."""
    roots = {HERE}
    direct = importlib.metadata.distribution("moemoe").read_text("direct_url.json")
    if direct and json.loads(direct).get("dir_info", {}).get("editable"):
        roots.add(Path(unquote(urlparse(json.loads(direct)["url"]).path)))
    return [root / name for root in sorted(roots) for name in SOURCES if (root / name).is_dir()]


class Pod:
    """A container in ``folder``; ``run`` starts it, ``kill`` ends it as the kernel or a lost node does."""

    def __init__(self, folder: Path, environment: Mapping[str, str], volumes: Iterable[str] = ()):
        self.folder = folder
        self.volumes = {path: folder / "volumes" / str(i) for i, path in enumerate(volumes)}
        self.environment = {
            "PATH": f"/tmp/bin:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": HOME, "LANG": "C.UTF-8", **image_environment(), **environment,
        }  # fmt: skip
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()

    def run(self, command: list[str], seconds: float | None, on_line: Callable[[str], None]) -> Ended:
        """Runs the command to its end, or kills it after ``seconds``; ``on_line`` gets every line that it writes."""
        temporary = self.folder / "tmp"
        for path in (temporary / "home", temporary / "bin", self.folder / "empty", *self.volumes.values()):
            path.mkdir(parents=True)
        sleep = temporary / "bin" / "sleep"
        sleep.write_text("#!/bin/sh\n")
        sleep.chmod(0o755)
        names = [] if os.geteuid() == 0 else ["--map-root-user"]
        with self._lock:
            self._process = subprocess.Popen(
                [*NAMESPACES, *names, "bash", "-c", self._script(), "pod", *command], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            )  # fmt: skip
        deadline = threading.Timer(seconds, self.kill) if seconds else None
        if deadline:
            deadline.daemon = True
            deadline.start()
        lines = []
        for line in self._process.stdout:
            lines.append(line)
            on_line(line)
        status = self._process.wait()
        if deadline:
            deadline.cancel()
        shutil.rmtree(temporary)
        (self.folder / "log").write_text("".join(lines))
        return Ended(status if status < 128 else 128 - status, "".join(lines))

    def kill(self) -> None:
        """SIGKILL to every process of the container."""
        with self._lock:
            if self._process and self._process.poll() is None:
                self._process.send_signal(signal.SIGKILL)

    def read(self, path: str) -> str | None:
        """A file that the container left on one of its volumes."""
        for volume, folder in self.volumes.items():
            if path.startswith(f"{volume}/") and (file := folder / path[len(volume) + 1 :]).is_file():
                return file.read_text()
        return None

    def _script(self) -> str:
        """Mounts what the container sees and becomes its command; /tmp comes last, for all else may lie under it."""
        mounts = [(self.folder / "empty", path) for path in covered()]
        for path, folder in self.volumes.items():
            mounts.append((folder, Path(path)))
        lines = ["set -e"]
        tops = sorted({f"/{Path(path).parts[1]}" for path in self.volumes} - {"/dev"})
        lines += [f"mount -t tmpfs tmpfs {shlex.quote(top)}" for top in tops]
        for source, target in mounts:
            if str(target) in self.volumes:
                lines.append(f"mkdir -p {shlex.quote(str(target))}")
            lines.append(f"mount --bind {shlex.quote(str(source))} {shlex.quote(str(target))}")
        lines += [f"mount --bind {shlex.quote(str(self.folder / 'tmp'))} /tmp", f"cd {HOME}", 'exec "$@"']
        return "\n".join(lines)


@cache
def why_not() -> str | None:
    """Why this machine cannot run pods, or None if it can."""
    import tempfile

    if shutil.which("unshare") is None:
        return "there is no unshare (util-linux) here"
    with tempfile.TemporaryDirectory() as folder:
        pod = Pod(Path(folder), {}, ["/mnt/out"])
        ask = "import metaflow, importlib.util; print('found:', importlib.util.find_spec('moemoe'))"
        ended = pod.run(["python", "-c", ask], 120, lambda line: None)
    if ended.status != 0:
        return f"mount namespaces do not work here: {ended.log.strip()[-300:]}"
    return None if re.search("^found: None$", ended.log, re.M) else f"moemoe can be imported in a pod: {ended.log}"
