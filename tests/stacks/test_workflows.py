"""What both state machines have in common."""

import pytest

from tests.stacks.state_machine import all_states, caught_by, definition, following, retried, way

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
SQS_TRANSIENT = {"SQS.AmazonSQSException", "SQS.SdkClientException"}


BATCH, ANSWERED = ":states:::batch:submitJob.sync", ":states:::lambda:invoke.waitForTaskToken"
SENT = ":states:::sqs:sendMessage"
REKOGNITION = ":states:::aws-sdk:rekognition:startLabelDetection"
END = ("KeepEvidence", "KeepAsItIs", "AnnounceFailure")
OPTIONAL = {"Start label detection", "Collect the labels"}
"""They come after the acceptance, and must not stop anything."""


def _function_of(state):
    """The function that a task calls; of a task that calls none, nothing."""
    if state["Resource"].endswith(ANSWERED):
        return state["Parameters"]["FunctionName"]
    return None if ":states:::" in state["Resource"] else state["Resource"]


def _keeps(state):
    return state.get("Resource", "").endswith("/KeepEvidence.Arn>")


def _sends(state):
    return state.get("Resource", "").endswith(SENT)


def _transient(state):
    """The errors that a task is tried again after."""
    if _function_of(state):
        return LAMBDA_TRANSIENT
    return SQS_TRANSIENT if state["Resource"].endswith(SENT) else BATCH_TRANSIENT


def test_transient_errors_are_tried_again_by_name(declared, path):
    for name, state in all_states(definition(declared, path)):
        if state["Type"] == "Task" and name not in OPTIONAL:
            assert retried(state) >= _transient(state), name
            assert not retried(state) & {"States.ALL", "States.TaskFailed"}, name
            for retrier in state["Retry"]:
                assert retrier["BackoffRate"] > 1
                assert retrier["JitterStrategy"] == "FULL"


def test_the_evidence_of_every_step_that_fails_is_kept(declared, path):
    machine = definition(declared, path)
    for name, state in machine["States"].items():
        if state["Type"] in {"Task", "Map", "Parallel"} and name not in OPTIONAL | {*END}:
            caught = caught_by(state)
            assert list(caught)[-1] == "States.ALL", name
            assert caught["States.ALL"] == "KeepEvidence", name


def test_jobs_name_their_share_and_their_priority(declared, path):
    jobs = [state for _, state in all_states(definition(declared, path)) if state.get("Resource", "").endswith(BATCH)]
    assert jobs
    shares = declared.at("encoding/Farm/Order")["FairsharePolicy"]["ShareDistribution"]
    for state in jobs:
        given = state["Parameters"]
        assert given["ShareIdentifier"] in {share["ShareIdentifier"] for share in shares}
        assert given["SchedulingPriorityOverride.$"] == given["JobName.$"].removesuffix("name") + "priority"


def test_what_is_kept_is_announced_and_the_execution_fails_with_what_it_failed_with(declared, path):
    machine = definition(declared, path)
    context = path.partition("/")[0]
    assert way(machine | {"StartAt": "KeepEvidence"}) == ["KeepEvidence", "AnnounceFailure", "Failed"]
    for name in ("KeepEvidence", "AnnounceFailure"):
        state = machine["States"][name]
        assert state["Resource"] == f"<{context}/{name}.Arn>"
        assert set(state["Parameters"]) == {"execution.$", "input.$", "error.$"}
        assert state["ResultPath"] is None
    failed = machine["States"]["Failed"]
    assert (failed["Type"], failed["ErrorPath"], failed["CausePath"]) == ("Fail", "$.error.Error", "$.error.Cause")


def test_what_cannot_be_looked_into_is_kept_as_it_is(declared, path):
    context = path.partition("/")[0]
    sending = {name: state for name, state in all_states(definition(declared, path)) if _sends(state)}
    assert "KeepAsItIs" in sending
    for name, state in sending.items():
        assert state["Parameters"]["QueueUrl"] == f"<{context}/FailedJobs>", name
        assert state["ResultPath"] is None, name
    keepers = [state for _, state in all_states(definition(declared, path)) if _keeps(state)]
    assert {caught_by(state)["States.ALL"] for state in keepers} == {*sending}
    for state in keepers:
        raw = sending[caught_by(state)["States.ALL"]]
        said = raw["Parameters"]["MessageBody"]
        assert said == {**state["Parameters"], "not_looked_into.$": state["Catch"][-1]["ResultPath"]}
        # Whether or not it could be kept: the failure goes on to be told.
        assert {raw["Next"], caught_by(raw)["States.ALL"]} == {state["Next"]}
    allowed = {
        resource
        for statement in declared.granted(declared.at(f"{path}/Role"))
        if "sqs:SendMessage" in statement.actions
        for resource in statement.resources
    }
    assert allowed == {f"<{context}/FailedJobs.Arn>"}


def test_only_the_workflow_itself_announces_and_if_it_cannot_it_fails_all_the_same(declared, path):
    machine = definition(declared, path)
    announcer = f"<{path.partition('/')[0]}/AnnounceFailure.Arn>"
    announcing = [name for name, state in all_states(machine) if state.get("Resource") == announcer]
    assert announcing == ["AnnounceFailure"]
    assert caught_by(machine["States"]["AnnounceFailure"]) == {"States.ALL": "Failed"}
    assert machine["States"]["AnnounceFailure"]["Catch"][0]["ResultPath"] is None
    ways_in = {name for name, state in machine["States"].items() if "Failed" in following(state)}
    assert ways_in == {"AnnounceFailure"}


def test_an_execution_whose_end_no_step_records_is_recorded_from_outside(declared, path):
    context = path.partition("/")[0]
    rule = declared.at(f"{context}/ExecutionEnded")
    assert rule["EventPattern"]["source"] == ["aws.states"]
    detail = rule["EventPattern"]["detail"]
    assert [rule.text(machine) for machine in detail["stateMachineArn"]] == [f"<{path}>"]
    assert set(detail["status"]) == {"TIMED_OUT", "ABORTED", "FAILED"}
    [target] = rule["Targets"]
    assert rule.text(target["Arn"]) == f"<{context}/RecordEnd.Arn>"
    assert target["DeadLetterConfig"]


def test_only_functions_of_the_platform_batch_sqs_and_rekognition_are_called(declared, path):
    functions = {f"<{function.path}.Arn>" for function in declared.functions()}
    for _, state in all_states(definition(declared, path)):
        if state["Type"] == "Task":
            called = _function_of(state)
            assert called in functions if called else state["Resource"].endswith((BATCH, SENT, REKOGNITION))


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
            waiting += following(machine["States"][name])
    assert reached == set(machine["States"])
    assert way(machine)
