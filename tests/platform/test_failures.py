"""Jobs that die: lost machines are made good without a word, everything else reaches people with its evidence."""

import contextlib
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from lambdas.encoding.claims import JobState, Outcome
from lambdas.encoding.job_ids import batch_name
from sandbox.workers import Workers, parent_of
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

RECLAIMED, KILLED = "machine-reclaimed", "encoder-killed"
FUNCTION = "AWS::Lambda::Function"
ATTEMPTS = 4
"""A first, and three more."""


def _kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _is_over(platform, version):
    states = platform.client("stepfunctions")
    arn = platform.output("encoding", "WorkflowArn").replace(":stateMachine:", ":execution:")
    try:
        return states.describe_execution(executionArn=f"{arn}:{version}")["status"] != "RUNNING"
    except states.exceptions.ExecutionDoesNotExist:
        return False


@pytest.fixture(scope="module")
def versions(platform, clips, tmp_path_factory):
    """Two good deliveries, whose chunk jobs are killed: one's process once, the other's ffmpeg each time."""
    from tests.platform.studio import FEATURE, manifest_of, send  # noqa: PLC0415

    if not Path("/proc").is_dir():
        pytest.skip("needs /proc to find the jobs' processes")
    folder = tmp_path_factory.mktemp("failures")
    found = {}
    for name in (RECLAIMED, KILLED):
        files = {FEATURE: clips.whole}
        delivery = send(platform.up, name=name, files=files, manifest=manifest_of(name, files), folder=folder / name)
        found[name] = platform.version_of(delivery)
    workers = Workers(platform.work_dir / "cloud")

    def tools(version):
        return workers.tools(version, task="encode-chunk")

    def at_work(version):
        """Those encoders that have claimed their job: what they started is running."""
        return sorted(filter(None, {parent_of(pid) for pid in tools(version)}))

    reclaimed = []
    next_look = 0.0

    def storm():
        """Kill one's encoder once, and whatever the other's starts, until that one's execution has failed."""
        nonlocal next_look
        for pid in at_work(found[RECLAIMED])[: 1 - len(reclaimed)]:
            reclaimed.append(pid)
            _kill(pid)
        for pid in tools(found[KILLED]):
            _kill(pid)
        if time.monotonic() < next_look:
            return False
        next_look = time.monotonic() + 0.5
        return bool(reclaimed) and _is_over(platform, found[KILLED])

    eventually(storm, waiting_for=f"the end of {found}", every=0.01)
    return found


def test_a_lost_machine_costs_an_attempt_and_nothing_else(platform, versions):
    version = versions[RECLAIMED]
    assert platform.ended("encoding", version)["status"] == "SUCCEEDED"
    [(lost, claimed)] = [(job, record) for job, record in platform.claims(version).items() if len(record.attempts) > 1]
    [job] = platform.jobs(batch_name(version, lost))
    attempts = job["attempts"]
    assert [attempt["statusReason"].startswith("Your Spot Task") for attempt in attempts] == [True, False]
    assert attempts[-1]["container"]["exitCode"] == 0
    # The next attempt did not wait for the lease of the dead one, whose time is recorded as wasted.
    assert [attempt.outcome for attempt in claimed.attempts] == [Outcome.LOST, Outcome.DONE]
    assert (claimed.state, claimed.token) == (JobState.DONE, 2)
    platform.letters.event("TitlePublished", version_id=version)
    assert platform.letters.events("PipelineFailed", version_id=version) == []


@pytest.fixture(scope="module")
def evidence(platform):
    """The failures queue of encoding, looked into as an operator would."""
    from tests.platform.running import Mailbox  # noqa: PLC0415

    url = platform.resource("encoding", "FailedJobs", kind="AWS::SQS::Queue")
    return Mailbox(platform.client("sqs"), url=url)


def _of(version):
    """Whether a message in the failures queue is of a version's first execution."""
    return lambda message: message["execution"].endswith(f":{version}")


def _announced_once(platform, version):
    """See that a version's failure was announced, once, and return how."""
    platform.letters.event("PipelineFailed", version_id=version)
    platform.bus.event("PipelineFailed", version_id=version)
    [announced] = platform.bus.events("PipelineFailed", version_id=version)
    return announced


def _depth(platform, context):
    url = platform.resource(context, "FailedJobs", kind="AWS::SQS::Queue")
    name = "ApproximateNumberOfMessages"
    answer = platform.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(answer["Attributes"][name])


def test_a_job_that_dies_each_time_fails_with_the_end_of_its_log(platform, versions, evidence):
    version = versions[KILLED]
    execution = platform.ended("encoding", version)
    assert (execution["status"], execution["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert _depth(platform, "encoding") >= 1
    kept = evidence.first(lambda message: _of(version)(message) and message["job"], what="the evidence")
    # One of its chunks: of any rung, whichever was the first to have no retry left.
    name = kept["job"]["name"]
    assert re.fullmatch(rf"{version}-360p(-\d)?-chunk-0", name)
    codes = [attempt["container"]["exitCode"] for job in platform.jobs(name) for attempt in job["attempts"]]
    assert codes == [os.EX_TEMPFAIL] * ATTEMPTS
    [claimed] = [record for job, record in platform.claims(version).items() if batch_name(version, job) == name]
    assert [attempt.outcome for attempt in claimed.attempts] == [Outcome.INTERRUPTED] * ATTEMPTS

    assert kept["execution"] == execution["executionArn"]
    assert (kept["studio"], kept["delivery_id"], kept["error"]) == ("blender", KILLED, "States.TaskFailed")
    assert (kept["job"]["exit_code"], kept["job"]["attempts"]) == (os.EX_TEMPFAIL, 1)
    assert (kept["job"]["reads"]["first_frame"], kept["job"]["reads"]["frames"]) == (0, 150)
    assert "was ended by signal 9" in kept["log_tail"][-1]
    assert f"`marquee jobs retry {KILLED} --version {version}`" in kept["remedy"]
    assert kept["decision"].endswith("is not tried again: it has had its 3 retries")

    letter = platform.letters.event("PipelineFailed", version_id=version)
    assert (letter["studio"], letter["delivery_id"], letter["pipeline"]) == ("blender", KILLED, "encoding")
    assert letter["remedy"].startswith("Nothing is needed from you")
    assert platform.bus.events("VersionPackaged", version_id=version) == []
    [recorded] = platform.catalog(KILLED)
    assert recorded["state"] == "encoding"


def test_what_failed_is_kept_once_and_the_version_fails_once(platform, versions, evidence):
    version = versions[KILLED]
    execution = platform.ended("encoding", version)
    failed = [
        batch_name(version, job)
        for job, record in platform.claims(version).items()
        if [attempt.outcome for attempt in record.attempts[:ATTEMPTS]] == [Outcome.INTERRUPTED] * ATTEMPTS
    ]
    kept = evidence.matching(_of(version))
    names = [message["job"]["name"] for message in kept if message["job"]]
    # Of several that fail at once, one may be ended by the other's failure before it says so.
    assert names
    assert set(names) <= set(failed)
    assert len(set(names)) == len(names)
    assert [message["error"] for message in kept if not message["job"]] == [execution["error"]]
    assert _announced_once(platform, version)["error"] == execution["error"]


def test_the_remedy_in_the_evidence_works(platform, versions, marquee):
    version = versions[KILLED]
    result = marquee("jobs", "retry", KILLED, "--version", version)
    assert result.exit_code == 0, result.output
    assert platform.ended("encoding", f"{version}-2")["status"] == "SUCCEEDED"
    published = platform.letters.event("TitlePublished", version_id=version)
    assert published["title"]["title_id"] == KILLED


@pytest.fixture
def encode_of_nothing(platform, versions):
    """Start the encode of a version whose source is gone, and return how it ended."""
    accepted = platform.bus.event("SourceAccepted", version_id=versions[RECLAIMED])

    def run(version):
        gone = accepted | {"version_id": version, "media": accepted["media"] | {"key": "blender/gone/feature.mov"}}
        platform.client("stepfunctions").start_execution(
            stateMachineArn=platform.output("encoding", "WorkflowArn"), name=version, input=json.dumps(gone)
        )
        return platform.ended("encoding", version)

    return run


def test_what_another_try_cannot_mend_is_not_tried_again(platform, encode_of_nothing, evidence):
    version = "v00000000000dead0"
    execution = encode_of_nothing(version)
    assert (execution["status"], execution["error"]) == ("FAILED", "JobFailedError")
    kept = evidence.first(_of(version), what="the evidence")
    assert (kept["job"]["exit_code"], kept["job"]["attempts"]) == (os.EX_DATAERR, 1)
    assert "ObjectMissingError" in kept["log_tail"][-1]
    _announced_once(platform, version)
    assert evidence.matching(_of(version)) == [kept]


@pytest.fixture
def nobody_looks(platform):
    """The function that looks into failures is at fault itself."""
    functions, name = platform.client("lambda"), platform.resource("encoding", "KeepEvidence", kind=FUNCTION)
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    without = {key: value for key, value in variables.items() if key != "FAILURES_QUEUE_URL"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": without})
    yield
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def test_a_failure_that_nobody_could_look_into_is_kept_as_it_is_and_announced(
    platform, encode_of_nothing, nobody_looks, evidence
):
    version = "v00000000000dead3"
    execution = encode_of_nothing(version)
    assert (execution["status"], execution["error"]) == ("FAILED", "JobFailedError")
    [kept] = evidence.matching(_of(version))
    assert json.loads(kept["error"]["Cause"])["JobName"] == f"{version}-search"
    assert kept["not_looked_into"]["Error"] == "ValidationError"
    assert (kept["input"]["version_id"], kept["input"]["title"]["title_id"]) == (version, RECLAIMED)
    assert kept["decision"].endswith("is not tried again: another try would end the same")
    _announced_once(platform, version)


def test_an_execution_that_is_stopped_is_recorded_though_no_step_of_it_could(platform, versions, evidence):
    accepted = platform.bus.event("SourceAccepted", version_id=versions[RECLAIMED])
    version = "v00000000000dead2"
    stepfunctions = platform.client("stepfunctions")
    execution = stepfunctions.start_execution(
        stateMachineArn=platform.output("encoding", "WorkflowArn"),
        name=version,
        input=json.dumps(accepted | {"version_id": version}),
    )["executionArn"]
    stepfunctions.stop_execution(executionArn=execution)
    kept = evidence.first(_of(version), what="the evidence")
    assert (kept["execution"], kept["error"], kept["cause"]) == (execution, "ABORTED", "the execution was stopped")
    letter = platform.letters.event("PipelineFailed", version_id=version)
    assert (letter["studio"], letter["delivery_id"]) == ("blender", RECLAIMED)


def test_a_function_that_fails_for_good_is_recorded_as_well(platform):
    from tests.platform.running import Mailbox  # noqa: PLC0415

    version = "v00000000000dead1"
    lost = {
        "raw_bucket": platform.output("ingestion", "RawBucket"),
        "manifest_key": "blender/withdrawn/manifest.json",
        "object_version": "of-nothing",
        "version_id": version,
        "delivered_at": "2026-11-02T09:30:00Z",
    }
    platform.client("stepfunctions").start_execution(
        stateMachineArn=platform.output("ingestion", "WorkflowArn"), name=version, input=json.dumps(lost)
    )
    execution = platform.ended("ingestion", version)
    assert (execution["status"], execution["error"]) == ("FAILED", "NotFoundError")
    assert _depth(platform, "ingestion") == 1
    url = platform.resource("ingestion", "FailedJobs", kind="AWS::SQS::Queue")
    [kept] = Mailbox(platform.client("sqs"), url=url).all()
    assert (kept["pipeline"], kept["studio"], kept["delivery_id"]) == ("ingestion", "blender", "withdrawn")
    assert (kept["job"], kept["log_tail"]) == (None, [])
    letter = platform.letters.event("PipelineFailed", version_id=version)
    assert letter["error"] == "NotFoundError"


@pytest.mark.parametrize("context", ["ingestion", "encoding"])
def test_an_alarm_watches_the_failures_and_calls_people(platform, context):
    queue = platform.resource(context, "FailedJobs", kind="AWS::SQS::Queue").rsplit("/", 1)[1]
    machine = platform.output(context, "WorkflowArn")
    topic = platform.resource("governance", "Alarms", kind="AWS::SNS::Topic")
    alarms = platform.client("cloudwatch").describe_alarms()["MetricAlarms"]
    watched = {
        (alarm["MetricName"], alarm["Dimensions"][0]["Value"])
        for alarm in alarms
        if topic in alarm["AlarmActions"] and alarm.get("Dimensions")
    }
    assert {("ApproximateNumberOfMessagesVisible", queue), ("ExecutionsFailed", machine)} <= watched


def test_an_event_that_no_function_can_take_is_kept(platform):
    from tests.platform.running import Mailbox  # noqa: PLC0415

    # Outside the folders of studios there is nobody to tell.
    key = "_staging/reels/one/manifest.json"
    bucket = platform.output("ingestion", "RawBucket")
    platform.client("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")
    url = platform.resource("ingestion", "DeadLetters", kind="AWS::SQS::Queue")
    kept = Mailbox(platform.client("sqs"), url=url).first(lambda _: True, what="the event in the dead letters")
    assert kept["detail"]["object"]["key"] == key
