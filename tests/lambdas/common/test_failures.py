import json
import time

import pytest

from lambdas.common import failures
from lambdas.common.aws import client
from lambdas.common.errors import InvalidInputError
from lambdas.common.evidence import failure_of
from lambdas.common.failures import TAIL_LINES, announce, keep, record_end
from lambdas.common.failures_environment import EndEnvironment, EvidenceEnvironment
from lambdas.ingestion.states import Arrival
from tests.lambdas import samples
from tests.lambdas.cloud import take_all

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:encoding:v0123456789abcdef"
STREAM, EARLIER_STREAM = "encoder/default/2", "encoder/default/1"
JOB = {
    "JobName": "v0123456789abcdef-1080p-chunk-3",
    "JobId": "job-1",
    "JobQueue": "queue",
    "Status": "FAILED",
    "StatusReason": "Essential container in task exited",
    "Container": {
        "Command": ["encode-chunk", "--chunk", "3"],
        "ExitCode": 137,
        "Reason": "OutOfMemoryError",
        "LogStreamName": STREAM,
        "Vcpus": 4,
    },
    "Attempts": [
        {"Container": {"ExitCode": 137, "LogStreamName": EARLIER_STREAM}},
        {"Container": {"ExitCode": 137, "LogStreamName": STREAM}},
    ],
}


@pytest.fixture
def logs(aws):
    service = client("logs")
    service.create_log_group(logGroupName="/aws/batch/encoder")
    for stream in (STREAM, EARLIER_STREAM):
        service.create_log_stream(logGroupName="/aws/batch/encoder", logStreamName=stream)

    def write(stream, lines):
        start = int(time.time() * 1000) - 60_000
        events = [{"timestamp": start + n, "message": line} for n, line in enumerate(lines)]
        service.put_log_events(logGroupName="/aws/batch/encoder", logStreamName=stream, logEvents=events)

    return write


@pytest.fixture
def left(bus, logs, deployed, context):
    """Call handlers; return the messages in the queue and the events on the bus."""
    queue = client("sqs").create_queue(QueueName="failures")["QueueUrl"]
    deployed(EvidenceEnvironment(failures_queue_url=queue, pipeline="encoding", log_group="/aws/batch/encoder"))
    deployed(EndEnvironment(failures_queue_url=queue, pipeline="encoding", event_bus=bus.name))

    def run(event, *handlers):
        for handler in handlers:
            handler(event, context)
        envelopes = bus.envelopes()
        assert {envelope["detail-type"] for envelope in envelopes} <= {"PipelineFailed"}
        return take_all(queue), [envelope["detail"] for envelope in envelopes]

    return run


def failed_step(cause, **changes):
    """What the workflow says of a step that failed."""
    return {
        "execution": EXECUTION,
        "input": samples.source_accepted().model_dump(mode="json"),
        "error": {"Error": "States.TaskFailed", "Cause": cause},
        **changes,
    }


@pytest.fixture
def recorded(left):
    """Keep the evidence of the failure of a step, and announce it; return both."""

    def run(cause, **changes):
        [evidence], [event] = left(failed_step(cause, **changes), keep, announce)
        return evidence, event

    return run


@pytest.fixture
def ended(left):
    """Record an execution that Step Functions ended."""

    def run(**detail):
        [evidence], [event] = left(status_change(**detail), record_end)
        return evidence, event

    return run


def test_a_job_keeps_its_evidence_and_announces_nothing(left):
    [evidence], events = left(failed_step(json.dumps(JOB), decision="bad input"), keep)
    assert (evidence["job"]["id"], evidence["decision"]) == ("job-1", "bad input")
    assert events == []


def test_a_workflow_whose_job_has_kept_its_evidence_announces_its_failure_and_keeps_nothing(left):
    evidence, [event] = left(failed_step("", error={"Error": "JobFailedError"}), announce)
    assert evidence == []
    assert (event["error"], event["version_id"]) == ("JobFailedError", "v0123456789abcdef")


def test_a_dead_batch_job_leaves_its_name_its_command_and_the_end_of_its_log(recorded, logs):
    logs(STREAM, [f"frame {n}" for n in range(TAIL_LINES + 20)])
    reads = {"source": "s3://raw/film.mov", "source_version": "7", "first_frame": 288, "frames": 96}
    evidence, event = recorded(json.dumps(JOB), reads=reads)
    assert evidence["execution"] == EXECUTION
    assert evidence["job"] == {
        "name": JOB["JobName"],
        "id": "job-1",
        "status_reason": JOB["StatusReason"],
        "exit_code": 137,
        "reason": "OutOfMemoryError",
        "command": ["encode-chunk", "--chunk", "3"],
        "attempts": 2,
        "log_stream": STREAM,
        "reads": reads,
    }
    assert evidence["log_tail"] == [f"frame {n}" for n in range(20, TAIL_LINES + 20)]
    assert "log_tail" not in event, "studios are not told what our machines say"
    assert (event["studio"], event["delivery_id"]) == (samples.STUDIO, samples.DELIVERY)


def test_the_studio_hears_that_it_need_do_nothing_and_the_operator_what_to_do(recorded):
    evidence, event = recorded("")
    assert "Nothing is needed from you" in event["remedy"]
    assert f"`marquee jobs retry {samples.TITLE} --version v0123456789abcdef`" in evidence["remedy"]


def test_the_last_attempt_gives_the_log_where_the_job_itself_names_none(recorded, logs):
    logs(EARLIER_STREAM, ["first attempt"])
    logs(STREAM, ["second attempt"])
    evidence, _ = recorded(json.dumps(JOB | {"Container": {"ExitCode": 1}}))
    assert evidence["log_tail"] == ["second attempt"]


@pytest.mark.parametrize("missing", [{"Container": {}, "Attempts": []}, {"Container": {}, "Attempts": [{}]}])
def test_a_job_that_never_started_has_no_log(recorded, missing):
    evidence, _ = recorded(json.dumps(JOB | missing))
    assert evidence["job"]["log_stream"] is None
    assert evidence["log_tail"] == []


def test_a_log_that_is_gone_costs_only_the_log(recorded):
    gone = JOB | {"Container": {"LogStreamName": "expired"}}
    evidence, _ = recorded(json.dumps(gone))
    assert evidence["log_tail"] == ["(the log expired could not be read: ResourceNotFoundException)"]
    assert evidence["job"]["id"] == "job-1"


@pytest.mark.parametrize(
    "cause", ["", "not JSON", '{"JobName": "cut off', '{"errorMessage": "boom", "errorType": "KeyError"}', "[]"]
)
def test_any_other_cause_is_kept_as_it_is(recorded, cause):
    evidence, event = recorded(cause)
    assert (evidence["cause"], evidence["job"], event["error"]) == (cause, None, "States.TaskFailed")


def test_a_huge_cause_still_fits_a_message(recorded):
    evidence, _ = recorded("x" * 300_000)
    assert evidence["cause"].startswith("xxx")
    assert len(json.dumps(evidence)) < 256 * 1024


def test_a_failure_of_ingestion_is_told_by_the_manifests_key(recorded):
    arrival = Arrival(
        raw_bucket="raw",
        manifest_key="blender/bunny/manifest.json",
        object_version="o1",
        version_id="v1",
        delivered_at=samples.DELIVERED_AT,
    )
    evidence, event = recorded("", input=arrival.model_dump(mode="json"))
    assert (event["studio"], event["delivery_id"]) == ("blender", "bunny")
    assert (evidence["studio"], evidence["version_id"]) == ("blender", "v1")


def test_a_failure_of_which_nothing_is_known_is_still_recorded(recorded):
    evidence, event = recorded("", input={}, error={"Error": "States.Timeout"})
    assert (event["studio"], event["version_id"], event["error"]) == ("unknown", "unknown", "States.Timeout")
    assert evidence["execution"] == EXECUTION


def status_change(**detail):
    """As Step Functions publishes it."""
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"executionArn": EXECUTION, "stateMachineArn": "arn", "input": None, "cause": None, **detail},
    }


@pytest.mark.parametrize(
    ("status", "said", "cause"),
    [
        ("TIMED_OUT", None, "the execution took longer than the state machine allows"),
        ("ABORTED", None, "the execution was stopped"),
        ("ABORTED", "a drill", "a drill"),
    ],
)
def test_an_execution_that_was_ended_from_outside_is_recorded_like_one_that_failed(ended, status, said, cause):
    given = samples.source_accepted()
    evidence, event = ended(status=status, cause=said, input=given.model_dump_json())
    assert (evidence["error"], evidence["cause"]) == (status, cause)
    assert (event["studio"], event["delivery_id"], event["version_id"]) == (
        given.studio,
        given.delivery_id,
        given.version_id,
    )


@pytest.mark.parametrize("error", ["States.Runtime", "States.DataLimitExceeded", None])
def test_what_no_step_can_catch_is_recorded_like_what_one_has_caught(ended, error):
    evidence, event = ended(status="FAILED", error=error, cause="at its limit")
    assert (evidence["error"], evidence["cause"]) == (error or "FAILED", "at its limit")
    assert event["error"] == evidence["error"]


def test_what_a_step_has_recorded_is_not_recorded_again(left):
    assert left(status_change(status="FAILED", error="JobFailedError"), record_end) == ([], [])


def test_an_end_whose_evidence_cannot_be_kept_is_announced(left, monkeypatch):
    def fails(*_, **__):
        raise OSError("no queue")

    monkeypatch.setattr(failures, "evidence", fails)
    with pytest.raises(OSError, match="no queue"):
        left(status_change(status="TIMED_OUT"), record_end)
    kept, [event] = left({}, lambda *_: None)
    assert (kept, event["error"]) == ([], "TIMED_OUT")


def test_an_input_that_no_event_can_hold_costs_only_the_names(ended):
    evidence, event = ended(status="TIMED_OUT")
    assert evidence["execution"] == EXECUTION
    assert event["version_id"] == "unknown"


def test_a_state_that_does_not_name_its_execution_is_a_mistake_of_ours():
    with pytest.raises(InvalidInputError, match="execution"):
        failure_of({"error": {"Error": "x"}})
