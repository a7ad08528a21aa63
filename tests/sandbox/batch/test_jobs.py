"""What a job is given, what it leaves behind, and how it is found: SubmitJob, DescribeJobs, ListJobs, its events."""

import json
import os

import pytest

pytestmark = pytest.mark.embedded


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


def test_unknown_queues_and_definitions_are_refused(aws, farm):
    batch = aws("batch")
    with pytest.raises(batch.exceptions.ClientException, match="no-such-queue"):
        batch.submit_job(jobName="j", jobQueue="no-such-queue", jobDefinition=farm["Definition"])
    with pytest.raises(batch.exceptions.ClientException, match="no-such-definition"):
        batch.submit_job(jobName="j", jobQueue=farm["Queue"], jobDefinition="no-such-definition")


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


def test_every_change_of_state_is_an_event(submit, ended, events_of):
    until = events_of("Batch Job State Change")
    job_id = submit("exit 5")
    ended(job_id)
    seen = until(lambda event: event["detail"]["jobId"] == job_id and event["detail"]["status"] == "FAILED")
    # The job of an earlier test may be told of as well.
    events = [event for event in seen if event["detail"]["jobId"] == job_id]
    failed = events[-1]
    assert failed["resources"] == [failed["detail"]["jobArn"]]
    assert failed["detail"]["attempts"][0]["container"]["exitCode"] == 5
    states = [event["detail"]["status"] for event in events]
    assert states == ["SUBMITTED", "RUNNABLE", "STARTING", "RUNNING", "FAILED"]
