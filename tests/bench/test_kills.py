"""The storm ends, whatever becomes of the films."""

import itertools

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")

from bench import kills
from bench.kills import StormError, storm


@pytest.fixture
def films(monkeypatch):
    """Return how the films end, in their order; the last one over and over. No film takes any time."""
    endings = []
    ended = itertools.count()
    monkeypatch.setattr(kills, "_announce", lambda *_: None)
    monkeypatch.setattr(kills, "_PAUSE_S", (0.0, 0.0))
    monkeypatch.setattr(kills.time, "sleep", lambda _: None)
    monkeypatch.setattr(kills, "_until_ended", lambda *_: [endings[min(next(ended), len(endings) - 1)]])
    monkeypatch.setattr(kills, "_artefacts", lambda *_: {"chunk/1": "abc"})
    monkeypatch.setattr(kills, "_count", lambda *_: None)
    return endings


@pytest.fixture
def kill(monkeypatch):
    """Return how many workers are killed at each look."""

    def kill(killed):
        monkeypatch.setattr(kills, "_kill_one", lambda *_: killed)

    return kill


def run(tmp_path, most):
    return storm(None, work_dir=tmp_path, accepted={"version_id": "v-calm"}, kills=most)


def test_it_ends_if_the_undisturbed_film_fails(films, kill, tmp_path):
    films += ["FAILED"]
    kill(1)
    with pytest.raises(StormError, match="was left alone, and FAILED"):
        run(tmp_path, 3)


@pytest.mark.parametrize("ending", ["SUCCEEDED", "FAILED"])
def test_it_ends_if_nobody_is_killed(films, kill, tmp_path, ending):
    films += ["SUCCEEDED", ending]
    kill(0)
    with pytest.raises(StormError, match="only 0 workers were killed"):
        run(tmp_path, 3)


def test_a_film_that_fails_is_a_fault_and_the_others_go_on(films, kill, tmp_path):
    films += ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    kill(1)
    result = run(tmp_path, 3)
    assert (result.kills, result.films, len(result.faults)) == (3, 2, 1)
