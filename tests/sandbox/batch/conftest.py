"""AWS Batch, as its public documentation describes it: the user guide and the API reference.

What is submitted and what is seen goes through boto3, so that a reader can hold each test against the documentation.
Three things are the embedded cloud's own, and stand in fixtures: an entrypoint that runs a job's command as a shell
script (an image's ENTRYPOINT on AWS), ``running``, which looks for a job's process on this machine, and the two calls
that make weather, ``reclaim`` and ``drought``. Times are shorter than AWS takes them.
"""

import json
import os

import pytest

from tests.sandbox.batch.resources import definition, environment, queue

MOST_VCPUS = 16


@pytest.fixture(scope="module")
def farm(deploy):
    """Two queues on one compute environment, an urgent one first, and a job definition."""
    command = "echo hello Ref::name from $PLACE attempt $AWS_BATCH_JOB_ATTEMPT"
    place = {"Environment": [{"Name": "PLACE", "Value": "template"}]}
    return deploy(
        {
            "Compute": environment("FARGATE_SPOT", MOST_VCPUS),
            "Queue": queue("Compute"),
            "Urgent": queue("Compute", priority=100),
            "Definition": definition(command, container=place, Parameters={"name": "nobody"}),
        },
        {name: {"Ref": name} for name in ("Compute", "Queue", "Urgent", "Definition")},
    )


@pytest.fixture(scope="module")
def submit(aws, farm):
    """Submits a shell script, and returns the job's id."""

    def start(script=None, *, queue="Queue", vcpus=None, memory=None, name="job", **options):
        overrides = options.pop("overrides", {})
        if script is not None:
            overrides["command"] = [script]
        wanted = {"VCPU": vcpus, "MEMORY": memory}
        overrides["resourceRequirements"] = [
            {"type": kind, "value": value} for kind, value in wanted.items() if value is not None
        ]
        return aws("batch").submit_job(
            jobName=name,
            jobQueue=farm[queue],
            jobDefinition=farm["Definition"],
            containerOverrides=overrides,
            **options,
        )["jobId"]

    return start


@pytest.fixture(scope="session")
def job(aws):
    return lambda job_id: aws("batch").describe_jobs(jobs=[job_id])["jobs"][0]


@pytest.fixture(scope="session")
def ended(job, eventually):
    def wait(job_id):
        eventually(lambda: job(job_id)["status"] in {"SUCCEEDED", "FAILED"})
        return job(job_id)

    return wait


@pytest.fixture(scope="session")
def running(job, eventually, cloud):
    """Waits until a job's process runs, and returns its process group."""

    def wait(job_id):
        eventually(lambda: job(job_id)["status"] == "RUNNING")
        scratch = cloud.work_dir / "tmp" / "batch"
        pid_file = eventually(lambda: next(iter(scratch.glob(f"{job_id.replace(':', '-')}-*/pid")), None))
        return int(eventually(pid_file.read_text))

    return wait


@pytest.fixture(scope="session")
def log_of(aws):
    def read(detail, *, attempt=-1):
        stream = detail["attempts"][attempt]["container"]["logStreamName"]
        events = aws("logs").get_log_events(logGroupName="/test/farm", logStreamName=stream, startFromHead=True)
        return [event["message"] for event in events["events"]]

    return read


@pytest.fixture(scope="session")
def whole_machine():
    """All processors that the farm's jobs have together, as a submission asks for them."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return str(min(processors, MOST_VCPUS))


@pytest.fixture
def events_of(deploy, eventually, received):
    """Batch's events of a type from now on: waits until one fits, and returns all that were seen."""

    def listen(detail_type):
        policy = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
        outputs = deploy(
            {
                "Seen": {"Type": "AWS::SQS::Queue"},
                "Rule": {
                    "Type": "AWS::Events::Rule",
                    "Properties": {
                        "EventPattern": {"source": ["aws.batch"], "detail-type": [detail_type]},
                        "Targets": [{"Id": "seen", "Arn": {"Fn::GetAtt": ["Seen", "Arn"]}}],
                    },
                },
                "Policy": {
                    "Type": "AWS::SQS::QueuePolicy",
                    "Properties": {
                        "Queues": [{"Ref": "Seen"}],
                        "PolicyDocument": {"Version": "2012-10-17", "Statement": [policy]},
                    },
                },
            },
            {"Seen": {"Ref": "Seen"}},
        )
        events = []

        def until(fits):
            def look():
                events.extend(received(outputs["Seen"]))
                return [event for event in events if fits(event)]

            eventually(look)
            return events

        return until

    return listen


@pytest.fixture(scope="session")
def pascal():
    """A job as a state machine's Catch is told of it."""
    from sandbox.extension.batch.shapes import to_pascal  # noqa: PLC0415 - it needs what may be missing

    return lambda detail: json.dumps(to_pascal(detail))
