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
}
BATCH_TRANSIENT = {"Batch.BatchException", "Batch.SdkClientException", "Batch.ServerException"}


def test_transient_errors_are_tried_again_by_name(declared, path):
    for name, state in all_states(definition(declared, path)):
        if state["Type"] == "Task":
            on_batch = state["Resource"].endswith(":states:::batch:submitJob.sync")
            assert retried(state) == (BATCH_TRANSIENT if on_batch else LAMBDA_TRANSIENT), name
            for retrier in state["Retry"]:
                assert retrier["BackoffRate"] > 1
                assert retrier["JitterStrategy"] == "FULL"


def test_every_step_ends_in_the_recorder_when_it_fails(declared, path):
    machine = definition(declared, path)
    for name, state in machine["States"].items():
        if state["Type"] in {"Task", "Map"} and name != "RecordFailure":
            assert caught_by(state) == {"States.ALL": "WithExecution"}, name


def test_the_recorder_has_the_evidence_and_the_execution_fails(declared, path):
    machine = definition(declared, path)
    context = path.partition("/")[0]
    given = machine["States"]["WithExecution"]
    assert set(given["Parameters"]) == {"execution.$", "input.$", "error.$"}
    assert given["Next"] == "RecordFailure"
    assert machine["States"]["RecordFailure"]["Resource"] == f"<{context}/RecordFailure.Arn>"
    assert machine["States"]["RecordFailure"]["Next"] == "Failed"
    assert machine["States"]["Failed"]["Type"] == "Fail"


def test_only_functions_of_the_platform_and_batch_jobs_are_called(declared, path):
    functions = {f"<{function.path}.Arn>" for function in declared.functions()}
    for _, state in all_states(definition(declared, path)):
        if state["Type"] == "Task":
            assert state["Resource"] in functions | {"arn:<AWS::Partition>:states:::batch:submitJob.sync"}


def test_its_role_may_call_just_the_functions_that_its_steps_call(declared, path):
    called = {
        state["Resource"]
        for _, state in all_states(definition(declared, path))
        if state["Type"] == "Task" and "batch" not in state["Resource"]
    }
    allowed = {
        resource
        for statement in declared.granted(declared.at(f"{path}/Role"))
        if "lambda:InvokeFunction" in statement.actions
        for resource in statement.resources
    }
    assert allowed == called


def test_it_is_logged_traced_and_ends_within_a_day(declared, path):
    machine = declared.at(path)
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert definition(declared, path)["TimeoutSeconds"] == 24 * 3600


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
