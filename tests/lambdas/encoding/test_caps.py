import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.encoding.caps import CostCapError, Outlook, hold, outlook
from lambdas.encoding.claims import JobRecord, JobState, Outcome
from lambdas.encoding.cost import JobSizes, cost_of, predict
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.models import JobSize
from stacks.settings import PROFILES
from tests.lambdas import samples
from tests.lambdas.encoding.test_cost import PRICES, attempt, planned

SIZE = JobSize(vcpus=16, memory_mib=28_000)
PLAN = planned(frames=600)
PREDICTION = predict(PLAN, worker_capacity="c7g-spot", sizes=JobSizes(threaded=SIZE, single=SIZE), prices=PRICES)
IDS = JobIds(PLAN)
RUNGS = [recipe.rung for recipe in PLAN.video]
JOBS = [
    IDS.search,
    *(IDS.chunk(rung, chunk.index) for rung in RUNGS for chunk in PLAN.chunks),
    IDS.audio(PLAN.audio[0].name),
    *(job for rung in RUNGS for job in (IDS.join(rung), IDS.score(rung))),
    IDS.package,
    IDS.verify,
]


def record(job, *attempts, state=JobState.DONE):
    return JobRecord(version_id=samples.VERSION, job=job, state=state, attempts=attempts)


def found(*records, prediction=PREDICTION):
    return outlook(records, planned=JOBS, prediction=prediction, prices=PRICES)


def test_before_the_first_job_all_is_to_come():
    assert (found().spent_usd, found().to_come_usd) == (0, pytest.approx(PREDICTION.usd_expected))


@given(st.sets(st.sampled_from(JOBS)))
def test_what_is_finished_is_not_to_come_and_what_was_spent_is_spent(finished):
    records = [record(job, attempt(60)) for job in finished]
    seen = found(*records)
    assert seen.spent_usd == pytest.approx(cost_of(records, PRICES).usd)
    more = found(*records, *(record(job) for job in JOBS if job not in finished))
    assert more.to_come_usd == 0 <= seen.to_come_usd <= PREDICTION.usd_expected * (1 + 1e-9)


def test_what_an_earlier_plan_has_finished_was_spent_and_is_to_come_again():
    seen = found(*(record(f"{job[:-1]}-", attempt(60)) for job in JOBS))
    assert seen.to_come_usd == pytest.approx(PREDICTION.usd_expected)
    assert seen.spent_usd > 0


def test_what_failed_was_spent_and_is_to_come_again():
    seen = found(record(IDS.package, attempt(600, Outcome.FAILED), state=JobState.FAILED))
    assert seen.to_come_usd == pytest.approx(PREDICTION.usd_expected)
    assert seen.spent_usd > 0


def test_what_nobody_predicted_is_not_known_to_come():
    assert found(record(IDS.package, attempt(600)), prediction=None).to_come_usd == 0


def held(spent, to_come, cap):
    hold(
        Outlook(spent_usd=spent, to_come_usd=to_come),
        cap_usd=cap,
        title_id=samples.TITLE,
        version_id=samples.VERSION,
    )


def test_as_much_as_the_cap_is_allowed_and_no_more():
    held(2.0, 3.0, 5.0)
    with pytest.raises(CostCapError, match=r"has cost 2\.000000 USD and should cost 3\.010000 more, .* cap is 5\.0"):
        held(2.0, 3.01, 5.0)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_three_hours_black_or_not_are_encoded_under_the_cap_and_refused_under_a_lower_one(profile):
    encoding = profile.encoding

    plan = planned(frames=3 * 3600 * 24, profile=profile)
    usd = predict(plan, worker_capacity=encoding.first_capacity, sizes=encoding.sizes, prices=PRICES).usd_expected
    held(0.0, usd, encoding.title_cap_usd)
    with pytest.raises(CostCapError, match="marquee cap raise"):
        held(0.0, usd, usd / 2)


@given(st.floats(0, 1000), st.floats(0, 1000), st.floats(1e-6, 1000))
def test_the_remedy_allows_what_was_refused(spent, to_come, cap):
    try:
        held(spent, to_come, cap)
    except CostCapError as error:
        said = str(error)
        assert f"`marquee jobs retry {samples.TITLE} --version {samples.VERSION}`" in said
        held(spent, to_come, float(re.search(r"--to ([\d.]+) ", said)[1]))
