"""Batch jobs as local processes: states, slots, retries, limits, logs, events."""

import json
import os
import signal

import pytest

from sandbox.extension.process_groups import group_runs

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def farm(deploy):
    """Two queues on one compute environment, an urgent one first, and a job definition."""
    return deploy(
        {
            "Compute": {
                "Type": "AWS::Batch::ComputeEnvironment",
                "Properties": {
                    "Type": "MANAGED",
                    "ComputeResources": {"Type": "FARGATE_SPOT", "MaxvCpus": 16, "Subnets": []},
                },
            },
            "Queue": _queue(priority=1),
            "Urgent": _queue(priority=100),
            "Definition": {
                "Type": "AWS::Batch::JobDefinition",
                "Properties": {
                    "Type": "container",
                    "Parameters": {"name": "nobody"},
                    "ContainerProperties": {
                        "Image": "encoder",
                        "Command": ["echo hello Ref::name from $PLACE attempt $AWS_BATCH_JOB_ATTEMPT"],
                        "Environment": [{"Name": "PLACE", "Value": "template"}],
                        "ResourceRequirements": [
                            {"Type": "VCPU", "Value": "0.25"},
                            {"Type": "MEMORY", "Value": "512"},
                        ],
                        "LogConfiguration": {
                            "LogDriver": "awslogs",
                            "Options": {"awslogs-group": "/test/farm", "awslogs-stream-prefix": "encode"},
                        },
                    },
                },
            },
        },
        {"Queue": {"Ref": "Queue"}, "Urgent": {"Ref": "Urgent"}, "Definition": {"Ref": "Definition"}},
    )


def _queue(*, priority):
    order = [{"Order": 1, "ComputeEnvironment": {"Ref": "Compute"}}]
    return {"Type": "AWS::Batch::JobQueue", "Properties": {"Priority": priority, "ComputeEnvironmentOrder": order}}


@pytest.fixture(scope="module")
def submit(aws, farm):
    def start(script=None, *, queue="Queue", vcpus=None, **options):
        overrides = {}
        if script is not None:
            overrides["command"] = [script]
        if vcpus is not None:
            overrides["resourceRequirements"] = [{"type": "VCPU", "value": vcpus}]
        return aws("batch").submit_job(
            jobName="job",
            jobQueue=farm[queue],
            jobDefinition=farm["Definition"],
            containerOverrides=overrides | options.pop("overrides", {}),
            **options,
        )["jobId"]

    return start


@pytest.fixture(scope="module")
def job(aws):
    return lambda job_id: aws("batch").describe_jobs(jobs=[job_id])["jobs"][0]


@pytest.fixture(scope="module")
def ended(job, eventually):
    def wait(job_id):
        eventually(lambda: job(job_id)["status"] in {"SUCCEEDED", "FAILED"})
        return job(job_id)

    return wait


@pytest.fixture(scope="module")
def running(job, eventually, cloud):
    """Waits until a job's process runs, and returns its process group."""

    def wait(job_id):
        eventually(lambda: job(job_id)["status"] == "RUNNING")
        scratch = cloud.work_dir / "tmp" / "batch"
        pid_file = eventually(lambda: next(iter(scratch.glob(f"{job_id}-*/pid")), None))
        return int(eventually(pid_file.read_text))

    return wait


@pytest.fixture(scope="module")
def log_of(aws):
    def read(detail, *, attempt=-1):
        stream = detail["attempts"][attempt]["container"]["logStreamName"]
        events = aws("logs").get_log_events(logGroupName="/test/farm", logStreamName=stream, startFromHead=True)
        return [event["message"] for event in events["events"]]

    return read


# Writes its process id into its own scratch folder, then waits.
_WAIT = 'echo $$ > "$TMPDIR/pid"; sleep 600 & wait'


def test_the_command_takes_parameters_and_environment(submit, ended, log_of):
    detail = ended(
        submit(parameters={"name": "world"}, overrides={"environment": [{"name": "PLACE", "value": "submission"}]})
    )
    assert detail["status"] == "SUCCEEDED"
    assert detail["container"]["exitCode"] == 0
    assert detail["container"]["command"] == ["echo hello world from $PLACE attempt $AWS_BATCH_JOB_ATTEMPT"]
    assert detail["container"]["logStreamName"].startswith("encode/default/")
    assert log_of(detail) == ["hello world from submission attempt 1"]
    assert detail["createdAt"] <= detail["startedAt"] <= detail["stoppedAt"]


def test_a_job_can_use_the_cloud_that_runs_it(submit, ended, log_of, cloud):
    script = "echo $AWS_ENDPOINT_URL $AWS_REGION $AWS_BATCH_JQ_NAME $AWS_BATCH_JOB_ID"
    detail = ended(submit(script))
    queue = detail["jobQueue"].rsplit("/", 1)[1]
    assert log_of(detail) == [f"{cloud.endpoint} us-east-1 {queue} {detail['jobId']}"]


def test_its_scratch_folder_is_its_own_and_goes_away(submit, ended, log_of, cloud):
    first, second = (ended(submit('touch "$TMPDIR/x"; echo "$TMPDIR"')) for _ in range(2))
    folders = {log_of(first)[0], log_of(second)[0]}
    assert len(folders) == 2
    assert all(folder.startswith(str(cloud.work_dir)) for folder in folders)
    assert not any(os.path.exists(folder) for folder in folders)  # noqa: PTH110


def test_a_failure_keeps_the_tail_of_its_log(submit, ended, log_of):
    detail = ended(submit('echo start; echo "no such codec" >&2; exit 3'))
    assert detail["status"] == "FAILED"
    assert detail["statusReason"] == "Essential container in task exited"
    assert detail["attempts"][0]["container"]["exitCode"] == 3
    assert log_of(detail) == ["start", "no such codec"]


def test_a_failed_attempt_is_repeated(submit, ended, log_of):
    detail = ended(submit('test "$AWS_BATCH_JOB_ATTEMPT" = 3 && echo third || exit 1', retryStrategy={"attempts": 4}))
    assert detail["status"] == "SUCCEEDED"
    assert [attempt["container"]["exitCode"] for attempt in detail["attempts"]] == [1, 1, 0]
    assert log_of(detail) == ["third"]


def test_exit_rules_separate_what_is_worth_repeating(submit, ended):
    rules = [{"onExitCode": "42", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    strategy = {"attempts": 3, "evaluateOnExit": rules}
    assert len(ended(submit("exit 42", retryStrategy=strategy))["attempts"]) == 3
    assert len(ended(submit("exit 43", retryStrategy=strategy))["attempts"]) == 1


def test_a_killed_worker_looks_like_a_lost_machine_and_is_repeated(submit, running, ended):
    rules = [{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    job_id = submit(
        f'test "$AWS_BATCH_JOB_ATTEMPT" = 2 || {{ {_WAIT}; }}',
        retryStrategy={"attempts": 2, "evaluateOnExit": rules},
    )
    os.kill(running(job_id), signal.SIGKILL)
    detail = ended(job_id)
    assert detail["status"] == "SUCCEEDED"
    first, second = detail["attempts"]
    assert first["container"]["exitCode"] == 137
    assert first["statusReason"].startswith("Host EC2")
    assert second["container"]["exitCode"] == 0


def test_an_attempt_ends_with_its_time(submit, ended):
    detail = ended(submit("sleep 600", timeout={"attemptDurationSeconds": 1}, retryStrategy={"attempts": 3}))
    assert detail["status"] == "FAILED"
    assert detail["statusReason"] == "Job attempt duration exceeded timeout"
    # As on AWS, running out of time is not repeated.
    assert len(detail["attempts"]) == 1


def test_a_running_job_can_be_terminated_with_its_children(aws, submit, running, ended):
    job_id = submit(_WAIT, retryStrategy={"attempts": 3})
    group = running(job_id)
    aws("batch").terminate_job(jobId=job_id, reason="changed my mind")
    detail = ended(job_id)
    assert (detail["status"], detail["statusReason"]) == ("FAILED", "changed my mind")
    assert detail["isTerminated"]
    assert len(detail["attempts"]) == 1
    assert not group_runs(group)


def test_slots_are_bounded_by_the_machine_and_the_urgent_queue_goes_first(aws, submit, running, ended, job):
    whole_machine = "1000"
    blocker = submit(_WAIT, vcpus=whole_machine)
    running(blocker)
    late, urgent = submit("true", vcpus=whole_machine), submit("true", queue="Urgent", vcpus=whole_machine)
    assert {job(late)["status"], job(urgent)["status"]} <= {"SUBMITTED", "RUNNABLE"}
    aws("batch").terminate_job(jobId=blocker, reason="room")
    assert ended(urgent)["startedAt"] <= ended(late)["startedAt"]


def test_a_waiting_job_can_be_cancelled(aws, submit, running, ended):
    blocker = submit(_WAIT, vcpus="1000")
    running(blocker)
    waiting = submit("true", vcpus="1000")
    aws("batch").cancel_job(jobId=waiting, reason="not needed")
    assert ended(waiting)["statusReason"] == "not needed"
    aws("batch").cancel_job(jobId=blocker, reason="too late: it runs")
    listed = aws("batch").list_jobs(jobQueue=ended(waiting)["jobQueue"])["jobSummaryList"]
    assert blocker in [entry["jobId"] for entry in listed]
    aws("batch").terminate_job(jobId=blocker, reason="done")
    ended(blocker)


def test_a_job_waits_for_those_it_depends_on(submit, ended):
    first = submit("exit 1")
    detail = ended(submit("true", dependsOn=[{"jobId": first}]))
    assert (detail["status"], detail["statusReason"]) == ("FAILED", "Dependent Job failed")
    second = submit("sleep 0.2")
    assert ended(submit("true", dependsOn=[{"jobId": second}]))["startedAt"] >= ended(second)["stoppedAt"]


def test_a_missing_program_fails_the_job_with_its_reason(aws, farm, ended, submit):
    definition = aws("batch").register_job_definition(
        jobDefinitionName="missing",
        type="container",
        containerProperties={"image": "x", "command": ["exec /no/such/program"]},
    )["jobDefinitionArn"]
    job_id = aws("batch").submit_job(jobName="m", jobQueue=farm["Queue"], jobDefinition=definition)["jobId"]
    assert ended(job_id)["attempts"][0]["container"]["exitCode"] in {126, 127}


def test_unknown_queues_and_definitions_are_refused(aws, farm):
    batch = aws("batch")
    with pytest.raises(batch.exceptions.ClientException, match="no-such-queue"):
        batch.submit_job(jobName="j", jobQueue="no-such-queue", jobDefinition=farm["Definition"])
    with pytest.raises(batch.exceptions.ClientException, match="no-such-definition"):
        batch.submit_job(jobName="j", jobQueue=farm["Queue"], jobDefinition="no-such-definition")


def test_every_change_of_state_is_an_event(aws, deploy, submit, ended, eventually, received):
    outputs = deploy(
        {
            "Seen": {"Type": "AWS::SQS::Queue"},
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": {"source": ["aws.batch"], "detail-type": ["Batch Job State Change"]},
                    "Targets": [{"Id": "seen", "Arn": {"Fn::GetAtt": ["Seen", "Arn"]}}],
                },
            },
            "Policy": _open_queue("Seen"),
        },
        {"Seen": {"Ref": "Seen"}},
    )
    job_id = submit("exit 5")
    ended(job_id)
    events = []

    def last_seen():
        events.extend(received(outputs["Seen"]))
        return [event for event in events if event["detail"]["status"] == "FAILED"]

    (failed,) = eventually(last_seen)
    assert failed["detail"]["jobId"] == job_id
    assert failed["detail"]["attempts"][0]["container"]["exitCode"] == 5
    assert {event["detail"]["status"] for event in events} >= {"SUBMITTED", "RUNNABLE", "STARTING", "RUNNING"}


def _open_queue(name):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {
            "Queues": [{"Ref": name}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        },
    }


def test_a_stack_update_makes_a_new_revision(aws, deploy):
    def definition(word):
        return {
            "D": {
                "Type": "AWS::Batch::JobDefinition",
                "Properties": {
                    "JobDefinitionName": "revised",
                    "Type": "container",
                    "ContainerProperties": {"Image": "x", "Command": [word]},
                },
            }
        }

    deploy(definition("one"))
    deploy.update(deploy.stack, definition("two"))
    revisions = aws("batch").describe_job_definitions(jobDefinitionName="revised")["jobDefinitions"]
    assert [entry["containerProperties"]["command"] for entry in revisions] == [["one"], ["two"]]
    assert json.dumps(revisions[1]["jobDefinitionArn"]).endswith(':2"')


def test_jobs_are_found_by_the_beginning_of_their_name(aws, farm):
    batch = aws("batch")
    queue = {"jobQueue": farm["Queue"], "jobDefinition": farm["Definition"]}
    ids = [batch.submit_job(jobName=name, **queue)["jobId"] for name in ("v1-chunk-0", "V1-audio", "v10-audio")]

    def found(wanted):
        answer = batch.list_jobs(jobQueue=farm["Queue"], filters=[{"name": "JOB_NAME", "values": [wanted]}])
        return {job["jobId"] for job in answer["jobSummaryList"]}

    assert found("v1-*") == set(ids[:2])
    assert found("v1-audio") == {ids[1]}
    assert found("v2*") == set()
