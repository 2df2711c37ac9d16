"""The folders of every stage: the run folder, and a local folder that is deleted after the step."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from moemoe.contract.contract import Contract
from moemoe.contract.load import load_contract
from moemoe.run_folder import PlainFile, RunFolder, TableFile
from moemoe.storage import absolute, fetch, join
from moemoe.table_parts import ListedParts


def run_folder(root: str, run_id: str) -> RunFolder:
    """The folder of a run under ``--root``, as a path that means the same in every step."""
    return RunFolder.of_run(absolute(root), run_id)


@dataclass(frozen=True)
class Workspace:
    """The files of a stage.

    Args:
        folder: the files that the run keeps.
        scratch: a local folder for temporary files.
    """

    folder: RunFolder
    scratch: str

    @cached_property
    def given_contract(self) -> Contract:
        """The contract that the run began with; an open one is still open."""
        return load_contract(self.local(self.folder.given_contract))

    @cached_property
    def contract(self) -> Contract:
        """The contract of the run, complete."""
        return load_contract(self.local(self.folder.contract))

    def local(self, file: PlainFile | TableFile | ListedParts) -> Path:
        """The local path of a copy of a file of the run."""
        return fetch(file.uri, self.scratch)

    def path(self, name: str) -> str:
        """A local path for a new temporary file."""
        return join(self.scratch, name)
