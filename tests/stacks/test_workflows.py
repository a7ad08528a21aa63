"""What both state machines have in common."""

import pytest

from tests.stacks.state_machine import all_states, caught_by, definition, retried, way

WORKFLOWS = ("ingestion/Ingest/StateMachine", "encoding/Encode a version/StateMachine")
pytestmark = pytest.mark.parametrize("path", WORKFLOWS)

LAMBDA_TRANSIENT = {
    "TransientError",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Sandbox.Timedout",
}
BATCH_TRANSIENT = {
    "Batch.AWSBatchException",
    "Batch.BatchException",
    "Batch.SdkClientException",
    "Batch.ServerException",
    "Batch.TooManyRequestsException",
}


BATCH, ANSWERED = ":states:::batch:submitJob.sync", ":states:::lambda:invoke.waitForTaskToken"
REKOGNITION = ":states:::aws-sdk:rekognition:startLabelDetection"
OPTIONAL = {"Start label detection", "Collect the labels"}
"""They come after the acceptance, and must not stop anything."""


def _function_of(state):
    """The function that a task calls; of a task that calls none, nothing."""
    if state["Resource"].endswith(ANSWERED):
        return state["Parameters"]["FunctionName"]
    return None if ":states:::" in state["Resource"] else state["Resource"]


def test_transient_errors_are_tried_again_by_name(declared, path):
    for name, state in all_states(definition(declared, path)):
        if state["Type"] == "Task" and name not in OPTIONAL:
            assert retried(state) >= (LAMBDA_TRANSIENT if _function_of(state) else BATCH_TRANSIENT), name
            assert not retried(state) & {"States.ALL", "States.TaskFailed"}, name
            for retrier in state["Retry"]:
                assert retrier["BackoffRate"] > 1
                assert retrier["JitterStrategy"] == "FULL"


def test_every_step_ends_in_the_recorder_when_it_fails(declared, path):
    machine = definition(declared, path)
    for name, state in machine["States"].items():
        if state["Type"] in {"Task", "Map"} and name not in OPTIONAL | {"RecordFailure"}:
            caught = caught_by(state)
            assert list(caught)[-1] == "States.ALL", name
            assert caught["States.ALL"] == "WithExecution", name


def test_jobs_name_their_share_and_their_priority(declared, path):
    jobs = [state for _, state in all_states(definition(declared, path)) if state.get("Resource", "").endswith(BATCH)]
    assert jobs
    shares = declared.at("encoding/Farm/Order")["FairsharePolicy"]["ShareDistribution"]
    for state in jobs:
        given = state["Parameters"]
        assert given["ShareIdentifier"] in {share["ShareIdentifier"] for share in shares}
        assert given["SchedulingPriorityOverride.$"] == given["JobName.$"].removesuffix("name") + "priority"


def test_the_recorder_has_the_evidence_and_the_execution_fails(declared, path):
    machine = definition(declared, path)
    context = path.partition("/")[0]
    given = machine["States"]["WithExecution"]
    assert set(given["Parameters"]) == {"execution.$", "input.$", "error.$"}
    assert given["Next"] == "RecordFailure"
    assert machine["States"]["RecordFailure"]["Resource"] == f"<{context}/RecordFailure.Arn>"
    assert machine["States"]["RecordFailure"]["Next"] == "Failed"
    assert machine["States"]["Failed"]["Type"] == "Fail"


def test_an_execution_that_times_out_or_is_stopped_is_recorded_from_outside(declared, path):
    context = path.partition("/")[0]
    rule = declared.at(f"{context}/ExecutionEnded")
    assert rule["EventPattern"]["source"] == ["aws.states"]
    detail = rule["EventPattern"]["detail"]
    assert [rule.text(machine) for machine in detail["stateMachineArn"]] == [f"<{path}>"]
    assert set(detail["status"]) == {"TIMED_OUT", "ABORTED"}
    [target] = rule["Targets"]
    assert rule.text(target["Arn"]) == f"<{context}/RecordEnd.Arn>"
    assert target["DeadLetterConfig"]


def test_only_functions_of_the_platform_batch_jobs_and_rekognition_are_called(declared, path):
    functions = {f"<{function.path}.Arn>" for function in declared.functions()}
    for _, state in all_states(definition(declared, path)):
        if state["Type"] == "Task":
            called = _function_of(state)
            assert called in functions if called else state["Resource"].endswith((BATCH, REKOGNITION))


def test_its_role_may_call_just_the_functions_that_its_steps_call(declared, path):
    states = [state for _, state in all_states(definition(declared, path)) if state["Type"] == "Task"]
    called = {function for state in states if (function := _function_of(state))}
    allowed = {
        resource
        for statement in declared.granted(declared.at(f"{path}/Role"))
        if "lambda:InvokeFunction" in statement.actions
        for resource in statement.resources
    }
    assert allowed == called


def test_its_role_may_submit_to_just_the_queues_that_its_jobs_go_to(declared, path):
    states = [state for _, state in all_states(definition(declared, path)) if state.get("Resource", "").endswith(BATCH)]
    [submitting] = [
        statement
        for statement in declared.granted(declared.at(f"{path}/Role"))
        if "batch:SubmitJob" in statement.actions
    ]
    queues = {resource for resource in submitting.resources if "job-definition" not in resource}
    if path.startswith("encoding/"):
        # Which of them, is decided as it goes.
        assert {state["Parameters"]["JobQueue.$"] for state in states} == {"$.queue"}
        assert queues == {f"<encoding/Farm/{name}Queue.JobQueueArn>" for name in ("Encoding", "OnDemand")}
    else:
        assert queues == {state["Parameters"]["JobQueue"] for state in states}


def test_it_is_logged_traced_and_ends_in_time_with_the_hours_of_a_review(declared, path):
    machine = declared.at(path)
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert machine["TracingConfiguration"] == {"Enabled": True}
    parsed = definition(declared, path)
    waits = sum(state.get("TimeoutSeconds", 0) for state in parsed["States"].values())
    work_s = parsed["TimeoutSeconds"] - waits
    assert 24 * 3600 <= work_s <= 72 * 3600
    if path.startswith("ingestion/"):
        assert work_s > 2 * declared.settings.ingestion.inspection_hours * 3600, "inspected, then analysed"


def test_its_failures_and_its_timeouts_are_alarms(declared, path):
    watched = {
        alarm["MetricName"]
        for alarm in declared.of("AWS::CloudWatch::Alarm")
        if alarm["Namespace"] == "AWS/States" and alarm.text(alarm["Dimensions"][0]["Value"]) == f"<{path}>"
    }
    assert watched == {"ExecutionsFailed", "ExecutionsTimedOut"}


def test_every_state_can_be_reached(declared, path):
    machine = definition(declared, path)
    reached, waiting = set(), [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            state = machine["States"][name]
            waiting += [state[key] for key in ("Next", "Default") if key in state]
            waiting += [rule["Next"] for rule in (*state.get("Choices", ()), *state.get("Catch", ()))]
    assert reached == set(machine["States"])
    assert way(machine)
