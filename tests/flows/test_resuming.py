"""``mark_latest_run``: a resumed run becomes the latest one."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from metaflow import current
from metaflow.plugins.datastores.local_storage import LocalStorage
from resuming import mark_latest_run

TASKS = 4


@pytest.fixture
def latest(tmp_path, monkeypatch):
    """The file that names the latest run; a task of the resumed run 2 is what runs."""
    monkeypatch.setattr(LocalStorage, "datastore_root", str(tmp_path))
    for name, value in {"_flow_name": "AFlow", "_run_id": "2", "_origin_run_id": "1"}.items():
        monkeypatch.setattr(current, name, value)
    file = tmp_path / "AFlow" / "latest_run"
    file.parent.mkdir()
    file.write_text("1")
    return file


def test_tasks_that_begin_at_once_do_not_get_in_each_others_way(latest):
    together = threading.Barrier(TASKS)

    def task(_: int) -> None:
        for _ in range(50):
            together.wait()
            try:
                mark_latest_run()
            except OSError:
                together.abort()  # nobody waits for this one
                raise

    with ThreadPoolExecutor(TASKS) as pool:
        list(pool.map(task, range(TASKS)))
    assert latest.read_text() == "2"
    assert [file.name for file in latest.parent.iterdir()] == ["latest_run"]


def test_a_fresh_run_is_left_to_metaflow(latest, monkeypatch):
    monkeypatch.setattr(current, "_origin_run_id", None)
    mark_latest_run()
    assert latest.read_text() == "1"
