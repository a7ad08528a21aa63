import random
from collections import Counter
from datetime import timedelta

from lambdas.storage.sampling import sample
from tests.lambdas.storage.lists import NOW, row

ROWS = [row(f"title-{n // 10}/seg_{n}", f"v{n}", size_bytes=n * n) for n in range(1000)]
BEFORE = NOW


def draw(rows, *, size=100, seed="2026-11"):
    return sample(rows, size=size, seed=seed, before=BEFORE)


def test_the_same_seed_draws_the_same_sample_from_any_order():
    shuffled = random.Random(1).sample(ROWS, len(ROWS))  # noqa: S311
    assert draw(ROWS) == draw(shuffled) == draw(reversed(ROWS))


def test_another_month_draws_another_sample():
    assert draw(ROWS) != draw(ROWS, seed="2026-12")


def test_a_sample_grows_without_changing():
    assert set(draw(ROWS, size=50)) < set(draw(ROWS, size=100))


def test_all_is_drawn_of_what_is_fewer():
    assert draw(ROWS[:7]) == tuple(sorted(ROWS[:7]))


def test_nothing_is_favoured():
    """Over many seeds each row is drawn as often as any other, be it large or small, first or last."""
    drawn = Counter(row.key for seed in range(400) for row in draw(ROWS[:100], size=20, seed=str(seed)))
    assert len(drawn) == 100
    # 400 draws of a fifth: 80 of each, with a standard deviation of 8
    assert 45 <= min(drawn.values()) <= max(drawn.values()) <= 115


def test_markers_and_what_is_too_young_are_left_out():
    young = row("young", modified_at=BEFORE + timedelta(seconds=1))
    assert draw([row("gone", delete_marker=True), young, row("old")]) == (row("old"),)
