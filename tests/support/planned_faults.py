"""Faults planned by a test and carried out by ``fault_hook/sitecustomize.py`` in the processes themselves."""

import os
import random
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parents[2]
HOOK = Path(__file__).parent / "fault_hook"


class Faults:
    """Plans in ``folder``; what lies beside it is what processes are watched to change."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("plan", "journal"):
            (folder / name).mkdir(parents=True)

    def environment(self) -> dict[str, str]:
        """What makes a process, and all that it starts, obey the plan."""
        path = os.pathsep.join([str(HOOK), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {"PYTHONPATH": path, "MOEMOE_FAULTS": str(self.folder)}

    def plan(self, process: str, faults: Iterable[str]) -> None:
        """One fault for each start of the process from now on."""
        (self.folder / "plan" / process).write_text("".join(f"{fault}\n" for fault in faults))

    def planned(self) -> dict[str, list[str]]:
        """What has not happened yet."""
        left = {path.name: path.read_text().splitlines() for path in (self.folder / "plan").iterdir()}
        return {process: faults for process, faults in left.items() if faults}

    def changes(self, process: str, kind: str = "change") -> int:
        """How much a process has changed: ``result`` counts the changes of results alone, ``change`` all."""
        kinds = ("result",) if kind == "result" else ("result", "change")
        return sum(line.startswith(kinds) for line in self._journal(process))

    def starts(self, process: str) -> int:
        """How often a process was started."""
        return sum(line == "start" for line in self._journal(process))

    def _journal(self, process: str) -> list[str]:
        return (self.folder / "journal" / process).read_text().splitlines()

    def struck(self) -> list[str]:
        """The kills that have happened: process, how, at which change, and what that change was."""
        path = self.folder / "struck"
        return path.read_text().splitlines() if path.exists() else []


def kills(faults: Faults, process: str, number: int, seed: int) -> list[str]:
    """``number`` kills of a process at moments drawn by the seed, in a run that has been watched once.

    Two of three are at changes of results, where it makes any; every third is of the whole process group.
    """
    plan = []
    for i in range(number):
        kind = "result" if i % 3 < 2 and faults.changes(process, "result") else "change"
        at = random.Random(f"{seed} {process} {i}").randint(1, faults.changes(process, kind))
        plan.append(f"{'kill-all' if i % 3 == 2 else 'kill'} {kind} {at}")
    return plan
