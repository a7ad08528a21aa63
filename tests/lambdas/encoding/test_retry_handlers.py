import json
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from pydantic import ValidationError

from lambdas.common.errors import InvalidInputError, TransientError
from lambdas.encoding.cap_store import CapStore
from lambdas.encoding.caps import Cap
from lambdas.encoding.claims import Outcome, claim, give_up
from lambdas.encoding.environment import RetryEnvironment
from lambdas.encoding.job_store import JobStore
from lambdas.encoding.retries import LATE_REASON, Tried
from lambdas.encoding.retry_handlers import decide_retry
from tests.lambdas import samples
from tests.lambdas.encoding.test_cap_store import TABLE as CAPS
from tests.lambdas.encoding.test_cap_store import create_caps_table
from tests.lambdas.encoding.test_claims import JOB as RECORDED
from tests.lambdas.encoding.test_claims import LEASE, NOW, after, worker
from tests.lambdas.encoding.test_job_store import TABLE as JOBS
from tests.lambdas.encoding.test_job_store import create_table
from tests.lambdas.encoding.test_retries import EXITED, HOST_LOST, NO_CAPACITY, OUT_OF_MEMORY, batch_job

SPOT, ON_DEMAND = "arn:of:the:encoding-queue", "arn:of:the:on-demand-queue"
JOB = {
    "name": "v0123456789abcdef-1080p-chunk-3",
    "command": ["encode-chunk", "--chunk", "3"],
    "priority": 10,
    "vcpus": 1,
    "memory_mib": 4096,
    "usd": 0.02,
    "spot_until": "9999-12-31T00:00:00Z",
}
ENVIRONMENT = {
    "caps_table": CAPS,
    "title_cap_usd": 1.0,
    "jobs_table": JOBS,
    "first_pause_s": 60,
    "most_memory_mib": 8192,
    "on_demand_queue": ON_DEMAND,
}


@pytest.fixture
def decide_on(aws, deployed, context):
    """Call the function with a failed job, or what else stands in the state."""
    deployed(RetryEnvironment(**ENVIRONMENT))
    create_table()
    create_caps_table()

    def call(cause, **state):
        known = {"version_id": samples.VERSION, "title_id": samples.TITLE, "job": JOB, "queue": SPOT}
        error = {"Error": "States.TaskFailed", "Cause": json.dumps(cause)}
        return decide_retry(known | {"error": error} | state, context)

    return call


def test_the_function_answers_what_the_state_machine_goes_by(decide_on):
    answer = decide_on(batch_job(EXITED, (75,)))
    assert answer.keys() == {"action", "reason", "pause_s", "tried", "queue", "memory"}
    assert (answer["action"], answer["memory"], answer["queue"]) == ("retry", "4096", SPOT)
    assert 0 <= answer["pause_s"] <= 60
    assert json.loads(json.dumps(answer)) == answer


def test_the_history_goes_round_through_the_state_machine(decide_on):
    def answers():
        tried = {}
        while True:
            answer = json.loads(json.dumps(decide_on(batch_job(EXITED, (75,)), **tried)))
            yield answer
            tried = {"tried": answer["tried"]}

    assert [answer["action"] for answer in islice(answers(), 4)] == ["retry", "retry", "retry", "fail"]


def test_more_memory_is_asked_for_and_kept(decide_on):
    larger = decide_on(batch_job(EXITED, (137, OUT_OF_MEMORY)), tried=None)
    assert (larger["action"], larger["memory"]) == ("retry_larger", "8192")
    again = decide_on(batch_job(HOST_LOST, ()), tried=larger["tried"])
    assert (again["action"], again["memory"]) == ("retry", "8192")
    over = decide_on(batch_job(EXITED, (137, OUT_OF_MEMORY)), tried=again["tried"])
    assert (over["action"], over["memory"], over["pause_s"]) == ("fail", "8192", 0)


def test_a_small_job_gets_more_of_what_it_had_and_not_of_a_large_one(decide_on):
    small = JOB | {"memory_mib": 2048}
    assert decide_on(batch_job(EXITED, (137, OUT_OF_MEMORY)), job=small)["memory"] == "4096"
    assert decide_on(batch_job(EXITED, (75,)), job=small)["memory"] == "2048"


@pytest.mark.parametrize("reason", [HOST_LOST, NO_CAPACITY, f"{LATE_REASON}: due at noon"])
def test_what_spot_is_to_blame_for_goes_on_demand_and_stays_there(decide_on, reason):
    moved = decide_on(batch_job(reason, ()), job=JOB | {"spot_until": "2999-01-01T00:00:00Z"})
    assert (moved["action"], moved["queue"]) == ("retry", ON_DEMAND)
    again = decide_on(batch_job(EXITED, (75,)), queue=moved["queue"], tried=moved["tried"])
    assert again["queue"] == ON_DEMAND


@pytest.mark.parametrize("reason", [HOST_LOST, NO_CAPACITY])
def test_what_is_never_due_stays_where_what_is_due_goes_first(decide_on, reason):
    assert decide_on(batch_job(reason, ()))["queue"] == SPOT


@pytest.mark.parametrize("store", [JobStore, CapStore])
def test_a_job_is_tried_again_although_nobody_can_say_what_was_spent(decide_on, monkeypatch, store):
    def away(*_args, **_kwargs):
        raise TransientError("throttled")

    monkeypatch.setattr(store, "of_version", away)
    assert decide_on(batch_job(EXITED, (75,)))["action"] == "retry"


@pytest.mark.parametrize(("minutes", "queue"), [(5, SPOT), (-5, ON_DEMAND)])
def test_a_job_whose_title_cannot_wait_goes_on_demand(decide_on, minutes, queue):
    until = datetime.now(UTC) + timedelta(minutes=minutes)
    assert decide_on(batch_job(EXITED, (75,)), job=JOB | {"spot_until": until.isoformat()})["queue"] == queue


def spend(*, minutes):
    """Let an attempt fail that took so long."""
    store = JobStore(JOBS)
    store.plan(samples.VERSION, RECORDED)
    begun = store.change(
        samples.VERSION, RECORDED, lambda record: claim(record, worker=worker("ana"), now=NOW, until=NOW + LEASE)
    )
    store.change(
        samples.VERSION,
        RECORDED,
        lambda record: give_up(record, token=begun.token, now=after(minutes), outcome=Outcome.FAILED),
    )


def test_a_version_that_has_cost_what_it_may_is_not_tried_again_and_it_is_said_why(decide_on):
    spend(minutes=60_000)
    answer = decide_on(batch_job(EXITED, (75,)))
    assert (answer["action"], answer["pause_s"], answer["tried"]) == ("fail", 0, Tried(transient=1).model_dump())
    assert "is not tried again: version v0123456789abcdef of big-buck-bunny has cost" in answer["reason"]
    assert "its cap is 1.000000" in answer["reason"]
    assert f"`marquee cap raise {samples.TITLE} --version {samples.VERSION}" in answer["reason"]


def test_the_next_attempt_counts_before_it_is_made(decide_on):
    assert decide_on(batch_job(EXITED, (75,)), job=JOB | {"usd": 0.99})["action"] == "retry"
    refusal = decide_on(batch_job(EXITED, (75,)), job=JOB | {"usd": 1.01})
    assert refusal["action"] == "fail"
    assert "should cost 1.010000 more" in refusal["reason"]
    assert decide_on(batch_job(EXITED, (75,)), job=JOB | {"usd": None})["action"] == "retry"


def test_what_an_operator_said_last_is_the_cap(decide_on):
    dear = JOB | {"usd": 1.5}
    for usd, at in ((2.0, NOW), (1.2, after(1)), (3.0, after(2))):
        CapStore(CAPS).add(Cap(version_id=samples.VERSION, usd=usd, at=at, by="ana", reason="a premiere"))
    assert decide_on(batch_job(EXITED, (75,)), job=dear)["action"] == "retry"
    CapStore(CAPS).add(Cap(version_id=samples.VERSION, usd=1.2, at=after(3), by="ana", reason="it is not worth it"))
    assert decide_on(batch_job(EXITED, (75,)), job=dear)["action"] == "fail"


def test_the_pauses_are_drawn(decide_on):
    pauses = {decide_on(batch_job(EXITED, (75,)), tried={"transient": 2})["pause_s"] for _ in range(50)}
    assert len(pauses) > 5
    assert max(pauses) <= 240


def test_a_cause_that_is_not_a_job_is_decided_upon(decide_on):
    answer = decide_on({}, error={"Error": "Batch.ServerException"}, more="of the state")
    assert answer["tried"] == Tried(not_submitted=1).model_dump()
    assert decide_on({}, error={"Error": "Surprise", "Cause": "not JSON"})["action"] == "retry"


def test_the_log_says_why(decide_on, caplog):
    answer = decide_on(batch_job(EXITED, (65,)))
    [line] = [record for record in caplog.records if hasattr(record, "kind")]
    assert line.message == "the input is at fault, and is not tried again: another try would end the same"
    assert answer["reason"] == line.message
    assert (line.job, line.kind, line.action) == (JOB["name"], "bad_input", "fail")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"error": {}}, r"error\.Error"),
        ({"job": {"name": "a"}}, r"job\.command"),
        ({"job": {name: value for name, value in JOB.items() if name != "memory_mib"}}, r"job\.memory_mib"),
        ({"tried": {"transient": -1}}, r"tried\.transient"),
        ({"tried": {"patience": 1}}, r"tried\.patience"),
    ],
)
def test_a_state_of_another_form_is_refused(decide_on, wrong, field):
    with pytest.raises(InvalidInputError, match=field):
        decide_on(batch_job(EXITED, (75,)), **wrong)


@pytest.mark.parametrize("wrong", [{"first_pause_s": -1}, {"most_memory_mib": 0}, {"title_cap_usd": 0}])
def test_wrong_rules_cannot_be_deployed(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        RetryEnvironment(**ENVIRONMENT | wrong)
