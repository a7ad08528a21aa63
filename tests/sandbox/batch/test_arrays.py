"""Array jobs, and jobs that wait for others ("Array jobs" and "Job dependencies" of the user guide)."""

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.batch.resources import WAIT

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def children(aws):
    """The children of an array by their index, with a detail of each."""

    def read(array, size):
        return aws("batch").describe_jobs(jobs=[f"{array}:{index}" for index in range(size)])["jobs"]

    return read


def test_each_child_knows_its_index(submit, ended, children, log_of):
    array = submit(
        'echo "$AWS_BATCH_JOB_ID $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE"', arrayProperties={"size": 3}
    )
    parent = ended(array)
    assert parent["status"] == "SUCCEEDED"
    assert parent["arrayProperties"]["size"] == 3
    assert {state: n for state, n in parent["arrayProperties"]["statusSummary"].items() if n} == {"SUCCEEDED": 3}
    assert parent["attempts"] == []
    for index, child in enumerate(children(array, 3)):
        assert child["arrayProperties"] == {"index": index}
        assert child["jobArn"].endswith(f"{array}:{index}")
        assert log_of(child) == [f"{array}:{index} {index} of 3"]


def test_an_array_fails_when_all_its_children_have_ended_and_one_has_failed(submit, ended, children):
    script = 'test "$AWS_BATCH_JOB_ARRAY_INDEX" != 1'
    array = submit(script, arrayProperties={"size": 3}, retryStrategy={"attempts": 2})
    parent = ended(array)
    assert (parent["status"], parent["statusReason"]) == ("FAILED", "Array Child Job failed")
    found = children(array, 3)
    assert [child["status"] for child in found] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert [len(child["attempts"]) for child in found] == [1, 2, 1]
    assert parent["stoppedAt"] >= max(child["stoppedAt"] for child in found)


def test_an_array_is_pending_while_its_children_run(aws, submit, running, job, ended, children):
    array = submit(WAIT, arrayProperties={"size": 2}, vcpus="0.25")
    for index in range(2):
        running(f"{array}:{index}")
    parent = job(array)
    assert parent["status"] == "PENDING"
    assert parent["arrayProperties"]["statusSummary"]["RUNNING"] == 2

    listed = aws("batch").list_jobs(arrayJobId=array, jobStatus="RUNNING")["jobSummaryList"]
    assert {(each["jobId"], each["arrayProperties"]["index"]) for each in listed} == {
        (f"{array}:{index}", index) for index in range(2)
    }
    of_queue = aws("batch").list_jobs(jobQueue=parent["jobQueue"], jobStatus="PENDING")["jobSummaryList"]
    assert [each["arrayProperties"] for each in of_queue if each["jobId"] == array] == [{"size": 2}]

    aws("batch").terminate_job(jobId=array, reason="no more")
    assert (ended(array)["status"], ended(array)["statusReason"]) == ("FAILED", "no more")
    assert {child["statusReason"] for child in children(array, 2)} == {"no more"}


def test_one_child_can_be_terminated(aws, submit, running, ended, children):
    array = submit(f'test "$AWS_BATCH_JOB_ARRAY_INDEX" = 0 || {{ {WAIT}; }}', arrayProperties={"size": 2})
    running(f"{array}:1")
    aws("batch").terminate_job(jobId=f"{array}:1", reason="this one")
    assert ended(array)["status"] == "FAILED"
    assert [child["status"] for child in children(array, 2)] == ["SUCCEEDED", "FAILED"]


def test_a_job_waits_for_those_it_depends_on(submit, ended):
    first = submit("exit 1")
    detail = ended(submit("true", dependsOn=[{"jobId": first}]))
    assert (detail["status"], detail["statusReason"]) == ("FAILED", "Dependent Job failed")
    second = submit("sleep 0.2")
    assert ended(submit("true", dependsOn=[{"jobId": second}]))["startedAt"] >= ended(second)["stoppedAt"]


def test_a_job_waits_for_the_whole_array_that_it_depends_on(submit, ended):
    array = submit('sleep "0.$AWS_BATCH_JOB_ARRAY_INDEX"', arrayProperties={"size": 4})
    after = ended(submit("true", dependsOn=[{"jobId": array}]))
    assert after["startedAt"] >= ended(array)["stoppedAt"]


def test_a_sequential_array_runs_one_child_after_the_other(submit, ended, children):
    array = submit("true", arrayProperties={"size": 3}, dependsOn=[{"type": "SEQUENTIAL"}])
    ended(array)
    first, second, third = children(array, 3)
    assert first["stoppedAt"] <= second["startedAt"] <= second["stoppedAt"] <= third["startedAt"]


def test_a_sequential_array_ends_with_the_first_failure(submit, ended, children):
    script = 'test "$AWS_BATCH_JOB_ARRAY_INDEX" != 1'
    array = submit(script, arrayProperties={"size": 4}, dependsOn=[{"type": "SEQUENTIAL"}])
    assert ended(array)["status"] == "FAILED"
    found = children(array, 4)
    assert [child["status"] for child in found] == ["SUCCEEDED", "FAILED", "FAILED", "FAILED"]
    assert [child["statusReason"] for child in found[2:]] == ["Dependent Job failed"] * 2


def test_n_to_n_pairs_the_children_of_two_arrays(submit, ended, children):
    first = submit('test "$AWS_BATCH_JOB_ARRAY_INDEX" != 1', arrayProperties={"size": 3})
    second = submit("true", arrayProperties={"size": 3}, dependsOn=[{"jobId": first, "type": "N_TO_N"}])
    ended(second)
    before, after = children(first, 3), children(second, 3)
    assert [child["status"] for child in after] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    for index in (0, 2):
        assert after[index]["startedAt"] >= before[index]["stoppedAt"]


@pytest.mark.parametrize("size", [1, 10_001])
def test_an_array_has_from_two_to_ten_thousand_children(submit, size):
    with pytest.raises(ClientError, match="from 2 to 10000"):
        submit("true", arrayProperties={"size": size})


def test_a_dependency_that_cannot_be_is_refused(submit):
    single = submit("true")
    with pytest.raises(ClientError, match="does not exist"):
        submit("true", dependsOn=[{"jobId": "no-such-job"}])
    with pytest.raises(ClientError, match="is for array jobs"):
        submit("true", dependsOn=[{"type": "SEQUENTIAL"}])
    with pytest.raises(ClientError, match="array of the same size"):
        submit("true", arrayProperties={"size": 2}, dependsOn=[{"jobId": single, "type": "N_TO_N"}])
    with pytest.raises(ClientError, match="at most 20"):
        submit("true", dependsOn=[{"jobId": single}] * 21)
