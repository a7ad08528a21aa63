"""Tasks that wait for an answer: who may give it, how often, and until when."""

import json
from uuid import uuid4

import pytest

pytestmark = pytest.mark.embedded

_ASK = """
import boto3

def handler(event, context):
    if event.get("refuse"):
        raise RuntimeError("nobody to ask")
    boto3.client("sqs").send_message(QueueUrl=event["queue"], MessageBody=event["token"])
"""


@pytest.fixture(scope="module")
def ask(deploy, function):
    return deploy({"F": function(_ASK)}, {"Arn": {"Fn::GetAtt": ["F", "Arn"]}})["Arn"]


@pytest.fixture
def questions(aws):
    return aws("sqs").create_queue(QueueName=f"q{uuid4().hex}")["QueueUrl"]


@pytest.fixture
def token_of(aws, questions, eventually):
    def next_token():
        messages = eventually(lambda: aws("sqs").receive_message(QueueUrl=questions).get("Messages"))
        aws("sqs").delete_message(QueueUrl=questions, ReceiptHandle=messages[0]["ReceiptHandle"])
        return messages[0]["Body"]

    return next_token


@pytest.fixture
def start(aws, ask, questions):
    """Starts an execution whose one task asks and waits; what else the task has is given."""
    states = aws("stepfunctions")

    def begin(*, refuse=False, **fields):
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {
                "FunctionName": ask,
                "Payload": {"token.$": "$$.Task.Token", "queue": questions, "refuse": refuse},
            },
            "ResultPath": "$.answer",
            "End": True,
        } | fields
        late = {"Type": "Pass", "Parameters": {"late": True}, "End": True}
        arn = states.create_state_machine(
            name=f"m{uuid4().hex}",
            definition=json.dumps({"StartAt": "Ask", "States": {"Ask": task, "Late": late}}),
            roleArn="arn:aws:iam::000000000000:role/test",
        )["stateMachineArn"]
        return states.start_execution(stateMachineArn=arn, input='{"kept": 1}')["executionArn"]

    return begin


@pytest.fixture
def ended(aws, eventually):
    def wait(execution):
        look = aws("stepfunctions").describe_execution
        eventually(lambda: look(executionArn=execution)["status"] != "RUNNING")
        return look(executionArn=execution)

    return wait


def test_the_answer_becomes_the_tasks_result(aws, start, token_of, ended):
    execution = start()
    aws("stepfunctions").send_task_success(taskToken=token_of(), output='{"approved": true}')
    assert json.loads(ended(execution)["output"]) == {"kept": 1, "answer": {"approved": True}}


def test_a_failure_is_an_error_by_its_name(aws, start, token_of, ended):
    catch = [{"ErrorEquals": ["Refused"], "ResultPath": None, "Next": "Late"}]
    execution = start(Catch=catch)
    aws("stepfunctions").send_task_failure(taskToken=token_of(), error="Refused", cause="no")
    assert json.loads(ended(execution)["output"]) == {"late": True}


def test_a_token_answers_once(aws, start, token_of, ended):
    states = aws("stepfunctions")
    execution, token = start(), token_of()
    states.send_task_success(taskToken=token, output="1")
    with pytest.raises(states.exceptions.TaskTimedOut):
        states.send_task_success(taskToken=token, output="2")
    assert json.loads(ended(execution)["output"])["answer"] == 1


def test_a_token_that_was_never_given_out_is_invalid(aws):
    states = aws("stepfunctions")
    with pytest.raises(states.exceptions.InvalidToken):
        states.send_task_success(taskToken="made-up", output="1")


def test_an_answer_that_is_not_json_is_refused_and_the_task_waits_on(aws, start, token_of, ended):
    states = aws("stepfunctions")
    execution, token = start(), token_of()
    with pytest.raises(states.exceptions.InvalidOutput):
        states.send_task_success(taskToken=token, output="{")
    states.send_task_success(taskToken=token, output="1")
    assert ended(execution)["status"] == "SUCCEEDED"


def test_without_an_answer_in_time_the_time_out_is_caught_by_name_and_the_token_closed(aws, start, token_of, ended):
    states = aws("stepfunctions")
    catch = [
        {"ErrorEquals": ["States.Timeout"], "ResultPath": None, "Next": "Late"},
        {"ErrorEquals": ["States.ALL"], "Next": "Ask"},
    ]
    execution, token = start(TimeoutSeconds=1, Catch=catch), token_of()
    assert json.loads(ended(execution)["output"]) == {"late": True}
    with pytest.raises(states.exceptions.TaskTimedOut):
        states.send_task_success(taskToken=token, output="1")


def test_heartbeats_keep_a_task_alive_and_their_absence_ends_it(aws, start, token_of, ended):
    states = aws("stepfunctions")
    execution, token = start(HeartbeatSeconds=1), token_of()
    states.send_task_heartbeat(taskToken=token)
    assert ended(execution)["error"] == "States.HeartbeatTimeout"


def test_a_call_that_fails_fails_the_task(start, ended):
    assert ended(start(refuse=True))["error"] == "RuntimeError"


def test_another_attempt_has_another_token(aws, start, token_of, ended):
    states = aws("stepfunctions")
    again = [{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    execution, first = start(Retry=again), token_of()
    states.send_task_failure(taskToken=first, error="Again", cause="")
    second = token_of()
    assert second != first
    states.send_task_success(taskToken=second, output="2")
    assert json.loads(ended(execution)["output"])["answer"] == 2


def test_stopping_the_execution_closes_the_token(aws, start, token_of, eventually):
    states = aws("stepfunctions")
    execution, token = start(), token_of()
    states.stop_execution(executionArn=execution)

    def closed():
        try:
            states.send_task_heartbeat(taskToken=token)
        except states.exceptions.TaskTimedOut:
            return True
        return False

    eventually(closed)
    assert states.describe_execution(executionArn=execution)["status"] == "ABORTED"
