"""What happens in training, as JSON lines on disk: cards, bars and MLflow read them; training never waits for them."""

import json
import os
from pathlib import Path
from typing import Any


class EventLog:
    """Appends events to a file.

    Args:
        path: the JSON-lines file.
        steps_done: on resume, the number of training steps the checkpoint holds; later events are dropped,
            since those steps are done again.
    """

    def __init__(self, path: str | Path, steps_done: int = 0):
        self.path = Path(path)
        kept = [event for event in read_events(self.path) if event["total_step"] <= steps_done]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "w") as file:
            file.writelines(json.dumps(event) + "\n" for event in kept)

    def append(self, kind: str, **values: Any) -> None:
        """Adds one event; ``total_step`` counts steps over all phases."""
        with open(self.path, "a") as file:
            file.write(json.dumps({"event": kind, **values}) + "\n")


class NewEvents:
    """Events added to a file since the last read; each read covers only the new part.

    Training that starts again drops the events after its checkpoint from the file. What was told stays told: reading
    goes on with the steps that are done again.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._read = 0

    def read(self) -> list[dict[str, Any]]:
        """The new events; a last line that is still being written is left for later."""
        if not self.path.is_file():
            return []
        with open(self.path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, self._read - 1))
            if size < self._read or (self._read and file.read(1) != b"\n"):
                self._read = size
                return []
            lines = file.read().split(b"\n")[:-1]
        self._read += sum(len(line) + 1 for line in lines)
        return [json.loads(line) for line in lines]


def read_events(path: str | Path) -> list[dict[str, Any]]:
    """All events; a last line that is still being written is left out."""
    return NewEvents(path).read()
