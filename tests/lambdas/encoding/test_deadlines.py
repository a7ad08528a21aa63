from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.media import RightsWindow
from lambdas.encoding.cost import JobSizes, PredictedLine, Prediction, Stage
from lambdas.encoding.deadlines import SAFETY, deadline_of, is_late, spot_until
from lambdas.encoding.models import JobSize
from tests.lambdas import samples

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SLA = timedelta(hours=24)
DUE = samples.DELIVERED_AT + SLA
SIZES = JobSizes(threaded=JobSize(vcpus=16, memory_mib=28_000), single=JobSize(vcpus=2, memory_mib=3500))


def days(number):
    return NOW + timedelta(days=number)


def source(*windows, **changes):
    rights = tuple(
        RightsWindow(territories=(where,), starts_at=start, ends_at=end)
        for where, (start, end) in zip(("DE", "FR", "JP"), windows, strict=False)
    )
    return samples.source_accepted(rights=rights, **changes)


@pytest.mark.parametrize(
    ("windows", "due"),
    [
        ([(days(30), None)], days(30)),
        ([(days(30), None), (days(3), None), (days(90), None)], days(3)),
        ([(days(-300), None)], DUE),
        ([(days(-300), days(-200))], DUE),
        ([], DUE),
        # It may be shown in one country already.
        ([(days(-300), None), (days(30), None)], DUE),
        # It was shown once, and will be again.
        ([(days(-300), days(-200)), (days(30), None)], days(30)),
    ],
)
def test_a_title_is_due_when_it_may_be_shown_or_when_it_was_promised(windows, due):
    assert deadline_of(source(*windows), now=NOW, sla=SLA) == due


def test_a_title_that_opens_before_its_time_is_up_is_due_then():
    delivered = NOW - timedelta(hours=1)
    soon = NOW + timedelta(hours=2)
    accepted = source((days(-1), None), (soon, None), delivered_at=delivered)
    assert deadline_of(accepted, now=NOW, sla=SLA) == soon


def test_what_a_campaign_encodes_anew_is_never_due():
    assert deadline_of(source((days(1), None), priority="campaign"), now=NOW, sla=SLA) is None


def predicted(**seconds):
    """A prediction of jobs that last so long each: four chunks of one rung, and one of everything else."""
    lines = []
    for stage in Stage:
        jobs = 4 if stage is Stage.ENCODE else 1
        vcpu_seconds = jobs * seconds.get(stage.value, 0) * SIZES.of(stage).vcpus
        lines.append(PredictedLine(stage=stage, jobs=jobs, vcpu_seconds=vcpu_seconds, usd_low=0, usd_expected=0))
    return Prediction(as_of=NOW.date(), capacity="c7g-spot", lines=tuple(lines))


def needed(prediction, *, at_once=100, on_demand_vcpus=1600):
    """How many seconds before the deadline it is too late, by stage."""
    until = spot_until(NOW, prediction=prediction, sizes=SIZES, at_once=at_once, on_demand_vcpus=on_demand_vcpus)
    return {stage.value: (NOW - moment).total_seconds() for stage, moment in until.items()}


def test_the_steps_take_one_after_the_other_what_their_jobs_take_at_once():
    found = needed(predicted(search=40, encode=100, audio=30, join=10, score=50, package=20, verify=5))
    assert found == {
        "verify": SAFETY * 5,
        "package": SAFETY * 25,
        "score": SAFETY * 75,
        "join": SAFETY * 85,
        # The longest of the chunks; the sound is done beside them.
        "encode": SAFETY * 185,
        "audio": SAFETY * 185,
        "search": SAFETY * 225,
    }


def test_jobs_that_cannot_run_at_once_wait_for_one_another():
    chunks = predicted(encode=100)
    assert needed(chunks, at_once=2)["encode"] == needed(chunks, on_demand_vcpus=32)["encode"] == SAFETY * 200
    assert needed(chunks, on_demand_vcpus=8)["encode"] == SAFETY * 400


def test_of_what_nobody_can_predict_only_the_deadline_is_known():
    assert set(needed(None).values()) == {0}
    assert set(needed(None)) == {stage.value for stage in Stage}


@given(st.dictionaries(st.sampled_from([stage.value for stage in Stage]), st.floats(0, 10_000)), st.integers(1, 64))
def test_a_later_step_may_wait_longer_and_none_beyond_the_deadline(seconds, at_once):
    found = needed(predicted(**seconds), at_once=at_once)
    order = [found[stage] for stage in ("search", "encode", "join", "score", "package", "verify")]
    assert order == sorted(order, reverse=True)
    assert order[-1] >= 0


def test_at_the_moment_itself_it_is_too_late():
    assert [is_late(NOW, now=NOW + timedelta(seconds=late)) for late in (-1, 0, 1)] == [False, True, True]
