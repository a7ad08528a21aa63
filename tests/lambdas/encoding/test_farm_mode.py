from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lambdas.common.ladder import Codec
from lambdas.common.media import EncodingMode, Tier
from lambdas.encoding.farm_mode import (
    FARM,
    SETTLING,
    Degrade,
    FarmMode,
    ModeRequest,
    Normalise,
    Shortcuts,
    announced,
    changed,
    left_by,
    returned,
)
from tests.lambdas import samples

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHORTCUTS = Shortcuts(skipped_rungs=("480p",), preset="superfast", vmaf_target=93)
DEGRADE = Degrade(do="degrade", hours=12, reason="500 titles wait", by="arn:ops")
NORMAL = Normalise(do="normal", by="arn:ops")
RUNGS = {f"r{n}": samples.recipe(f"r{n}", 2 * n, 2 * n, tier) for n, tier in enumerate([*Tier] * 3, start=1)}
ladders = st.lists(st.sampled_from(sorted(RUNGS)), min_size=1, unique=True).map(
    lambda names: tuple(RUNGS[name] for name in names)
)
skips = st.lists(st.sampled_from([*RUNGS, "unknown"]), unique=True).map(tuple)


def degraded(**changes):
    return changed(FarmMode(), DEGRADE, now=NOW).model_copy(update=changes)


@given(ladders, skips)
def test_what_is_left_is_a_ladder_that_every_key_opens_something_of(ladder, skipped):
    left = left_by(Shortcuts(skipped_rungs=skipped, preset="ultrafast", vmaf_target=90), ladder)
    names = [rung.rung for rung in left]
    assert names == [rung.rung for rung in ladder if rung.rung in names]
    assert {rung.rung for rung in ladder} - set(names) <= set(skipped)
    assert {rung.tier for rung in left} == {rung.tier for rung in ladder}
    assert max(ladder, key=lambda rung: rung.width).rung in names
    for rung in left:
        assert rung == RUNGS[rung.rung].model_copy(update={"preset": "ultrafast"})


@given(ladders, skips)
def test_no_rung_stays_that_need_not(ladder, skipped):
    left = left_by(Shortcuts(skipped_rungs=skipped, preset="fast", vmaf_target=90), ladder)
    largest = max(ladder, key=lambda rung: rung.width)
    for rung in left:
        alone = sum(other.tier is rung.tier for other in left) == 1
        assert rung.rung not in skipped or rung.rung == largest.rung or alone


def test_a_rung_of_another_codec_keeps_a_preset_that_its_encoder_knows():
    newer = [rung.model_copy(update={"codec": Codec.AV1, "preset": "6"}) for rung in samples.LADDER]
    assert left_by(SHORTCUTS, newer) == tuple(rung for rung in newer if rung.rung != "480p")


def test_without_shortcuts_nothing_is_left_out():
    assert left_by(None, samples.LADDER) == samples.LADDER


def test_with_them_a_film_in_high_definition_loses_a_rung_and_keeps_the_others_bit_rates():
    left = left_by(SHORTCUTS, samples.LADDER)
    assert [rung.rung for rung in left] == ["1080p", "720p", "360p"]
    assert {rung.preset for rung in left} == {"superfast"}
    assert [rung.bitrate_kbps for rung in left] == [rung.bitrate_kbps for rung in samples.LADDER if rung.rung != "480p"]


@given(st.floats(0.01, 72), st.floats(-100, 100))
def test_a_degraded_mode_is_in_force_until_its_end_whoever_says_so(hours, later):
    mode = changed(FarmMode(), DEGRADE.model_copy(update={"hours": hours}), now=NOW)
    at = NOW + timedelta(hours=later)
    expected = EncodingMode.DEGRADED if at < NOW + timedelta(hours=hours) else EncodingMode.NORMAL
    assert mode.in_force(at) is expected


def test_every_change_counts_and_says_who_and_why():
    first = changed(FarmMode(), DEGRADE, now=NOW)
    assert (first.revision, first.by, first.reason, first.at) == (1, "arn:ops", "500 titles wait", NOW)
    assert first.until == NOW + timedelta(hours=12)
    longer = changed(first, DEGRADE, now=NOW + timedelta(hours=6))
    assert (longer.revision, longer.until) == (2, NOW + timedelta(hours=18))
    normal = changed(longer, NORMAL, now=NOW)
    assert (normal.revision, normal.degraded, normal.until) == (3, False, None)
    assert changed(normal, NORMAL, now=NOW) is None


def test_a_change_is_announced_as_it_was_made():
    event = announced(degraded())
    assert event.model_dump(exclude={"schema_version"}) == degraded().model_dump()


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("after", "waiting", "returns"),
    [
        (timedelta(minutes=5), 0, None),
        (SETTLING, 10, None),
        (SETTLING, 9, "the queue has drained: 9 jobs wait, fewer than 10"),
        (12 * HOUR - timedelta(seconds=1), 5_000, None),
        (12 * HOUR, 5_000, "its time was over"),
    ],
    ids=["the backlog may be to come", "a backlog", "drained", "nearly over", "over"],
)
def test_the_farm_returns_to_normal_by_itself(after, waiting, returns):
    mode = returned(degraded(), waiting=waiting, drained_below=10, now=NOW + after)
    if returns is None:
        assert mode is None
    else:
        assert (mode.revision, mode.degraded, mode.by, mode.reason) == (2, False, FARM, returns)


def test_a_normal_mode_stays_as_it_is():
    for normal in (FarmMode(), changed(degraded(), NORMAL, now=NOW)):
        assert returned(normal, waiting=0, drained_below=10, now=NOW + 100 * HOUR) is None


@pytest.mark.parametrize(
    "asked",
    [
        {"do": "degrade", "hours": 0, "reason": "r", "by": "b"},
        {"do": "degrade", "hours": 73, "reason": "r", "by": "b"},
        {"do": "degrade", "hours": float("nan"), "reason": "r", "by": "b"},
        {"do": "degrade", "hours": 1, "reason": "", "by": "b"},
        {"do": "degrade", "hours": 1, "reason": "r"},
        {"do": "normal"},
        {"do": "show", "hours": 1},
        {"do": "panic"},
        {},
    ],
)
def test_a_change_without_an_end_a_reason_or_somebody_who_makes_it_is_refused(asked):
    with pytest.raises(ValidationError):
        ModeRequest.model_validate(asked)


def test_a_degraded_mode_without_an_end_cannot_be_handed_out():
    with pytest.raises(ValidationError, match="until when"):
        FarmMode(revision=1, degraded=True, at=NOW)
