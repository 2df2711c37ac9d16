"""The preparation before the first step reports its progress."""

from pathlib import Path

from moemoe.training.events import read_events
from moemoe.training.job import TrainingJob
from moemoe.training.preparation import Preparation

SHARDS = [3, 5, 8, 13, 21]


def preparation(folder: Path, rank: int, world_size: int, every: float = 0.0) -> Preparation:
    return Preparation(TrainingJob("", "", str(folder), {}, 0), rank, world_size, every)


def test_each_shard_is_one_rank_s(tmp_path):
    parts = [list(preparation(tmp_path, rank, 2).own("tokens", SHARDS)) for rank in range(2)]
    assert parts == [[3, 8, 21], [5, 13]]


def test_an_event_comes_when_a_shard_is_done(tmp_path):
    path = TrainingJob("", "", str(tmp_path), {}, 0).preparation_path
    seen = []
    for _ in preparation(tmp_path, 0, 2).own("image features", SHARDS):
        seen.append([(event["what"], event["done"], event["of"]) for event in read_events(path)])
    assert seen == [[], [("image features", 1, 3)], [("image features", 1, 3), ("image features", 2, 3)]]
    assert [event["seconds_left"] > 0 for event in read_events(path)] == [True, True, False]


def test_what_is_quick_or_another_rank_s_says_nothing(tmp_path):
    list(preparation(tmp_path, 0, 2, every=3600).own("tokens", SHARDS))
    list(preparation(tmp_path / "other", 1, 2).own("tokens", SHARDS))
    assert read_events(tmp_path / "preparation.jsonl") == []
    assert not (tmp_path / "other").exists()


def test_the_launcher_watches_it(tmp_path):
    members = [{"name": "one"}, {"name": "two"}]
    job = TrainingJob("", str(tmp_path / "run"), str(tmp_path), {"members": members}, 0)
    assert {path.name for path in job.watched_paths} == {"preparation.jsonl", "events.jsonl"}
    assert len(job.watched_paths) == 4
    alone = TrainingJob("", str(tmp_path / "run"), str(tmp_path), {}, 0)
    assert alone.watched_paths == [alone.preparation_path, alone.events_path]
