"""State machines that run Batch jobs and functions, and route errors by name."""

import json
from uuid import uuid4

import pytest

pytestmark = pytest.mark.embedded

_FLAKY = """
class Transient(Exception):
    pass

class Permanent(Exception):
    pass

calls = 0

def handler(event, context):
    global calls
    calls += 1
    if event["kind"] == "permanent":
        raise Permanent("never")
    if calls < 3:
        raise Transient("not yet")
    return {"calls": calls}
"""


@pytest.fixture(scope="module")
def machine(aws):
    """Creates a state machine and returns its ARN."""

    def create(states, *, start):
        definition = {"StartAt": start, "States": states}
        return aws("stepfunctions").create_state_machine(
            name=f"m{uuid4().hex}",
            definition=json.dumps(definition),
            roleArn="arn:aws:iam::000000000000:role/test",
        )["stateMachineArn"]

    return create


@pytest.fixture(scope="module")
def run(aws, eventually):
    """Runs a state machine to its end and returns the execution."""
    states = aws("stepfunctions")

    def start(arn, data=None):
        execution = states.start_execution(stateMachineArn=arn, input=json.dumps(data or {}))["executionArn"]
        eventually(lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING")
        return states.describe_execution(executionArn=execution)

    return start


@pytest.fixture(scope="module")
def farm(aws):
    batch = aws("batch")
    batch.create_compute_environment(
        computeEnvironmentName="states",
        type="MANAGED",
        computeResources={"type": "FARGATE", "maxvCpus": 8, "subnets": []},
    )
    queue = batch.create_job_queue(
        jobQueueName="states", priority=1, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "states"}]
    )["jobQueueArn"]
    definition = batch.register_job_definition(
        jobDefinitionName="states",
        type="container",
        containerProperties={
            "image": "x",
            "command": ["true"],
            "resourceRequirements": [{"type": "VCPU", "value": "0.25"}],
        },
    )["jobDefinitionArn"]
    return {"JobName": "work", "JobQueue": queue, "JobDefinition": definition}


def _job(farm, command, *, sync=True, **state):
    resource = "arn:aws:states:::batch:submitJob" + (".sync" if sync else "")
    overrides = {
        "Command": [command],
        "Environment": [{"Name": "WORD", "Value": "given"}],
        "ResourceRequirements": [{"Type": "MEMORY", "Value": "128"}],
    }
    return {
        "Type": "Task",
        "Resource": resource,
        "Parameters": {**farm, "ContainerOverrides": overrides},
        "End": True,
        **state,
    }


def test_a_job_that_succeeds_is_the_tasks_output(machine, run, farm):
    execution = run(machine({"Work": _job(farm, 'test "$WORD" = given')}, start="Work"))
    assert execution["status"] == "SUCCEEDED"
    detail = json.loads(execution["output"])
    assert detail["Status"] == "SUCCEEDED"
    assert detail["JobQueue"] == farm["JobQueue"]
    assert detail["Container"]["ExitCode"] == 0
    assert detail["Attempts"][0]["Container"]["LogStreamName"]
    environment = {entry["Name"]: entry["Value"] for entry in detail["Container"]["Environment"]}
    assert environment == {"WORD": "given", "MANAGED_BY_AWS": "STARTED_BY_STEP_FUNCTIONS"}


def test_a_job_that_fails_is_a_failed_task_with_its_detail_as_cause(machine, run, farm):
    catch = [{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}]
    states = {"Work": _job(farm, "exit 9", Catch=catch), "Caught": {"Type": "Pass", "End": True}}
    execution = run(machine(states, start="Work"))
    error = json.loads(execution["output"])
    assert error["Error"] == "States.TaskFailed"
    cause = json.loads(error["Cause"])
    assert cause["Status"] == "FAILED"
    assert cause["Attempts"][0]["Container"]["ExitCode"] == 9


def test_a_jobs_own_retry_strategy_and_the_states_are_apart(machine, run, farm):
    job = _job(farm, 'test "$AWS_BATCH_JOB_ATTEMPT" = 2')
    job["Parameters"]["RetryStrategy"] = {"Attempts": 2}
    execution = run(machine({"Work": job}, start="Work"))
    assert execution["status"] == "SUCCEEDED"
    assert len(json.loads(execution["output"])["Attempts"]) == 2


def test_a_job_may_be_left_to_itself(aws, machine, run, farm, eventually):
    execution = run(machine({"Work": _job(farm, "true", sync=False)}, start="Work"))
    submitted = json.loads(execution["output"])
    assert set(submitted) == {"JobArn", "JobId", "JobName"}
    eventually(lambda: aws("batch").describe_jobs(jobs=[submitted["JobId"]])["jobs"][0]["status"] == "SUCCEEDED")


def test_an_unknown_queue_is_an_error_of_batch(machine, run, farm):
    broken = {**farm, "JobQueue": "no-such-queue"}
    execution = run(machine({"Work": _job(broken, "true")}, start="Work"))
    assert execution["error"] == "Batch.ClientException"


def test_a_map_runs_jobs_within_its_concurrency(machine, run, farm):
    fan = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrency": 2,
        "ItemSelector": {"n.$": "$$.Map.Item.Value", "base.$": "$.base"},
        "ItemProcessor": {
            "StartAt": "Work",
            "States": {
                "Work": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::batch:submitJob.sync",
                    "Parameters": {
                        **farm,
                        "ContainerOverrides": {
                            "Command": ["true"],
                            "Environment": [{"Name": "N", "Value.$": "States.Format('{}-{}', $.base, $.n)"}],
                        },
                    },
                    "ResultSelector": {"value.$": "$.Container.Environment[0].Value"},
                    "End": True,
                }
            },
        },
        "End": True,
    }
    execution = run(machine({"Fan": fan}, start="Fan"), {"items": [1, 2, 3], "base": "b"})
    assert execution["status"] == "SUCCEEDED", execution
    assert json.loads(execution["output"]) == [{"value": "b-1"}, {"value": "b-2"}, {"value": "b-3"}]


def _jobs(aws, status):
    return [entry["jobId"] for entry in aws("batch").list_jobs(jobQueue="states", jobStatus=status)["jobSummaryList"]]


@pytest.mark.parametrize("mode", ["single", "distributed"])
def test_stopping_an_execution_stops_its_jobs(aws, machine, farm, eventually, mode):
    states = {"Work": _job(farm, "sleep 600", Retry=[{"ErrorEquals": ["States.ALL"]}])}
    if mode == "distributed":
        processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "Work", "States": states}
        states = {"Fan": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True}}
    arn = machine(states, start=next(iter(states)))
    step_functions = aws("stepfunctions")
    execution = step_functions.start_execution(stateMachineArn=arn, input='{"items": [1]}')["executionArn"]
    (job_id,) = eventually(lambda: _jobs(aws, "RUNNING"))
    step_functions.stop_execution(executionArn=execution)
    job = aws("batch").describe_jobs
    eventually(lambda: job(jobs=[job_id])["jobs"][0]["status"] == "FAILED")
    assert job(jobs=[job_id])["jobs"][0]["statusReason"] == "Step Functions execution stopped"
    assert not _jobs(aws, "RUNNING")
    assert step_functions.describe_execution(executionArn=execution)["status"] == "ABORTED"


def test_the_first_child_that_fails_ends_the_others_of_its_map(aws, machine, run, farm, eventually):
    work = _job(farm, "unused")
    work["Parameters"]["ContainerOverrides"] = {"Command.$": "States.Array($)"}
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "Work", "States": {"Work": work}}
    fan = {"Type": "Map", "ItemsPath": "$.commands", "ItemProcessor": processor, "End": True}
    execution = run(machine({"Fan": fan}, start="Fan"), {"commands": ["sleep 600", "exit 9", "sleep 600"]})
    assert execution["error"] == "States.ExceedToleratedFailureThreshold"
    eventually(lambda: not _jobs(aws, "RUNNING"))


def test_a_task_out_of_time_ends_its_job(aws, machine, run, farm, eventually):
    execution = run(machine({"Work": _job(farm, "sleep 600", TimeoutSeconds=1)}, start="Work"))
    assert execution["error"] == "States.Timeout"
    eventually(lambda: not _jobs(aws, "RUNNING"))


@pytest.fixture(scope="module")
def flaky(deploy, function):
    return deploy({"F": function(_FLAKY)}, {"Arn": {"Fn::GetAtt": ["F", "Arn"]}})["Arn"]


def test_errors_are_repeated_and_caught_by_their_class(machine, run, flaky):
    task = {
        "Type": "Task",
        "Resource": flaky,
        "Retry": [{"ErrorEquals": ["Transient"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1}],
        "Catch": [{"ErrorEquals": ["Permanent"], "ResultPath": "$.error", "Next": "Caught"}],
        "End": True,
    }
    arn = machine({"Call": task, "Caught": {"Type": "Pass", "End": True}}, start="Call")
    assert json.loads(run(arn, {"kind": "transient"})["output"]) == {"calls": 3}
    caught = json.loads(run(arn, {"kind": "permanent"})["output"])["error"]
    assert caught["Error"] == "Permanent"
    assert json.loads(caught["Cause"])["errorMessage"] == "never"


def test_starting_twice_is_one_execution_while_it_runs(aws, machine):
    states = aws("stepfunctions")
    arn = machine({"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}, start="Wait")
    first = states.start_execution(stateMachineArn=arn, name="same", input='{"a": 1}')
    again = states.start_execution(stateMachineArn=arn, name="same", input='{"a": 1}')
    assert again["executionArn"] == first["executionArn"]
    with pytest.raises(states.exceptions.ExecutionAlreadyExists):
        states.start_execution(stateMachineArn=arn, name="same", input='{"a": 2}')
    states.stop_execution(executionArn=first["executionArn"])
    with pytest.raises(states.exceptions.ExecutionAlreadyExists):
        states.start_execution(stateMachineArn=arn, name="same", input='{"a": 1}')
