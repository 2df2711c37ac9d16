"""What happens in training, as JSON lines on disk: cards, bars and MLflow read them, training waits for none."""

import json
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


def read_events(path: str | Path, after: int = 0) -> list[dict[str, Any]]:
    """The events from line ``after`` on; a last line that is still being written is left out."""
    if not Path(path).is_file():
        return []
    lines = Path(path).read_text().split("\n")[:-1]
    return [json.loads(line) for line in lines[after:]]
