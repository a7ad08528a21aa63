import pytest

from lambdas.common.aws import client
from lambdas.common.errors import InvalidInputError
from lambdas.encoding.cap_store import CapStore
from lambdas.encoding.environment import CapsEnvironment, RetryVersionEnvironment
from lambdas.encoding.operator_handlers import raise_cap, retry_version
from lambdas.encoding.restarts import AlreadyEncodedError, NeverStartedError, StillRunningError, next_attempt
from tests.lambdas import samples
from tests.lambdas.cloud import executions, state_machine
from tests.lambdas.encoding.test_cap_store import TABLE, create_caps_table

BY = "arn:aws:iam::123456789012:user/ana"
CAP = {"version_id": samples.VERSION, "usd": 7.5, "by": BY, "reason": "a premiere"}
RETRY = {"version_id": samples.VERSION, "by": BY}


@pytest.fixture
def caps(aws, deployed):
    deployed(CapsEnvironment(caps_table=TABLE, title_cap_usd=5.0))
    create_caps_table()
    return CapStore(TABLE)


def test_what_an_operator_says_is_kept_with_who_and_why(caps, context):
    assert raise_cap(CAP, context) == {"version_id": samples.VERSION, "usd": 7.5, "before": 5.0}
    assert raise_cap(CAP | {"usd": 2.0, "reason": "not worth it"}, context)["before"] == 7.5
    newest, first = caps.of_version(samples.VERSION)
    assert (newest.usd, newest.reason) == (2.0, "not worth it")
    assert (first.usd, first.by, first.reason) == (7.5, BY, "a premiere")
    assert newest.at > first.at


@pytest.mark.parametrize(
    "wrong",
    [{"usd": 0}, {"usd": -1}, {"usd": "plenty"}, {"reason": ""}, {"reason": "a" * 501}, {"by": ""}, {"title": "x"}],
)
def test_a_cap_without_a_sum_or_a_reason_is_refused(caps, context, wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        raise_cap(CAP | wrong, context)
    assert caps.of_version(samples.VERSION) == ()


@pytest.fixture
def machine(aws, deployed):
    arn = state_machine("encoding")
    deployed(RetryVersionEnvironment(state_machine_arn=arn))
    return arn


def run(machine, name=samples.VERSION, payload='{"version_id": "v0123456789abcdef", "title": {}}'):
    return client("stepfunctions").start_execution(stateMachineArn=machine, name=name, input=payload)["executionArn"]


def stop(execution):
    client("stepfunctions").stop_execution(executionArn=execution)


def test_a_stopped_encode_is_started_again_under_another_name_with_the_same_input(machine, context):
    stop(run(machine))
    answer = retry_version(RETRY, context)
    assert answer == {"version_id": samples.VERSION, "execution": f"{samples.VERSION}-2"}
    found = {each["name"]: each["input"] for each in executions(machine)}
    assert found.keys() == {samples.VERSION, f"{samples.VERSION}-2"}
    assert found[samples.VERSION] == found[f"{samples.VERSION}-2"]
    stop(machine.replace(":stateMachine:", ":execution:") + f":{samples.VERSION}-2")
    assert retry_version(RETRY, context)["execution"] == f"{samples.VERSION}-3"


def test_one_that_runs_is_not_started_again(machine, context):
    run(machine)
    with pytest.raises(StillRunningError, match="is being encoded"):
        retry_version(RETRY, context)
    assert [each["name"] for each in executions(machine)] == [samples.VERSION]


def test_neither_is_one_that_nobody_knows(machine, context):
    run(machine, name="v0000000000000000")
    with pytest.raises(NeverStartedError, match=samples.VERSION):
        retry_version(RETRY, context)


@pytest.mark.parametrize(
    ("statuses", "next_one"),
    [
        (["FAILED"], 2),
        (["TIMED_OUT", "ABORTED"], 3),
        (["FAILED", "RUNNING"], StillRunningError),
        (["RUNNING"], StillRunningError),
        (["FAILED", "SUCCEEDED"], AlreadyEncodedError),
        (["SUCCEEDED"], AlreadyEncodedError),
        ([], NeverStartedError),
    ],
)
def test_only_what_ended_without_a_result_is_tried_again(statuses, next_one):
    if isinstance(next_one, int):
        assert next_attempt(statuses, version_id=samples.VERSION) == next_one
        return
    with pytest.raises(next_one, match=samples.VERSION):
        next_attempt(statuses, version_id=samples.VERSION)
