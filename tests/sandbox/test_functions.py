"""Lambda functions on the local interpreter."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("ministack", reason="needs requirements-sandbox.txt: the embedded cloud")

from sandbox.extension.functions import PUBLIC_LAYER_ACCOUNT

pytestmark = pytest.mark.embedded

POWERTOOLS = "/aws/service/powertools/python/arm64/python3.14/3.37.0"

_RAISING = """
class StudioUnknown(Exception):
    pass

calls = 0

def handler(event, context):
    global calls
    calls += 1
    if event.get("fail"):
        raise StudioUnknown("no studio of that name")
    return {"calls": calls}
"""


def _invoke(aws, name, event):
    answer = aws("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return answer, json.loads(answer["Payload"].read())


def test_an_exception_keeps_its_class_and_the_worker_stays_warm(aws, deploy, function):
    name = deploy({"F": function(_RAISING)}, {"F": {"Ref": "F"}})["F"]
    assert _invoke(aws, name, {})[1] == {"calls": 1}
    answer, error = _invoke(aws, name, {"fail": True})
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "StudioUnknown"
    assert error["errorMessage"] == "no studio of that name"
    assert any("StudioUnknown" in line for line in error["stackTrace"])
    assert _invoke(aws, name, {})[1] == {"calls": 3}


def test_an_exceptions_trace_is_in_the_log(aws, deploy, function, eventually):
    name = deploy({"F": function(_RAISING)}, {"F": {"Ref": "F"}})["F"]
    _invoke(aws, name, {"fail": True})
    eventually(
        lambda: aws("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern='"[ERROR]"')["events"]
    )


def test_a_warm_answer_does_not_wait_for_log_lines(aws, deploy, function):
    name = deploy({"F": function("def handler(event, context): return 1")}, {"F": {"Ref": "F"}})["F"]
    _invoke(aws, name, {})
    durations = []
    for _ in range(10):
        start = time.perf_counter()
        _invoke(aws, name, {})
        durations.append(time.perf_counter() - start)
    # Stock waits 50 ms each time.
    assert min(durations) < 0.04


def test_functions_share_a_package_and_name_handlers_by_path(aws, deploy, function, upload_zip):
    key = upload_zip(
        {
            "lambdas/__init__.py": "",
            "lambdas/playback/__init__.py": "",
            "lambdas/playback/handlers.py": (
                "from lambdas.common import greeting\n"
                "def create_session(event, context): return greeting + ' session'\n"
                "def end_session(event, context): return greeting + ' end'\n"
            ),
            "lambdas/common.py": "greeting = 'hello'",
        }
    )
    outputs = deploy(
        {
            "Create": function(None, key=key, handler="lambdas.playback.handlers.create_session"),
            "End": function(None, key=key, handler="lambdas.playback.handlers.end_session"),
        },
        {"Create": {"Ref": "Create"}, "End": {"Ref": "End"}},
    )
    assert _invoke(aws, outputs["Create"], {})[1] == "hello session"
    assert _invoke(aws, outputs["End"], {})[1] == "hello end"


def test_a_package_is_unpacked_once_and_another_one_is_another(aws, deploy, function, upload_zip):
    source = (
        "import os\nimport part\ndef handler(event, context): return [part.told, os.path.realpath(part.__file__)]\n"
    )
    keys = [upload_zip({"index.py": source, "part.py": f"told = '{told}'"}) for told in ("first", "second")]
    declared = {name: function(None, key=keys[name == "C"]) for name in "ABC"}
    names = deploy(declared, {name: {"Ref": name} for name in declared})
    told = {name: _invoke(aws, names[name], {})[1] for name in declared}
    assert [said for said, _ in told.values()] == ["first", "first", "second"]
    assert told["A"] == told["B"]
    assert told["B"][1] != told["C"][1]
    aws("lambda").update_function_code(FunctionName=names["A"], S3Bucket="test-code", S3Key=keys[1])
    assert [_invoke(aws, names[name], {})[1] for name in "AB"] == [told["C"], told["B"]]


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2", "eu-west-1"])
def test_powertools_comes_from_awss_public_layer(aws, deploy, function, upload_zip, region):
    source = (
        "from aws_lambda_powertools import Logger\n"
        "logger = Logger(service='test')\n"
        "@logger.inject_lambda_context\n"
        "def handler(event, context):\n"
        "    logger.info('hi')\n"
        "    return context.function_name\n"
    )
    layer = f"{{{{resolve:ssm:{POWERTOOLS}}}}}"
    if region != "us-east-1":
        # The code must be in the function's region.
        bucket = f"test-code-{region}"
        aws("s3", region=region).create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
        key = upload_zip({"index.py": source})
        aws("s3", region=region).copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": "test-code", "Key": key})
        code = {"S3Bucket": bucket, "S3Key": key}
        declared = function(None, key=key, Layers=[layer], Code=code, TracingConfig={"Mode": "Active"})
    else:
        declared = function(source, Layers=[layer], TracingConfig={"Mode": "Active"})
    name = deploy({"F": declared}, {"F": {"Ref": "F"}}, region=region)["F"]
    answer = aws("lambda", region=region).invoke(FunctionName=name, Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == name
    configured = aws("lambda", region=region).get_function_configuration(FunctionName=name)
    assert PUBLIC_LAYER_ACCOUNT in configured["Layers"][0]["Arn"]


def test_the_parameter_can_be_a_template_parameter_type(aws):
    value = aws("ssm").get_parameter(Name=POWERTOOLS)["Parameter"]["Value"]
    assert value == (
        f"arn:aws:lambda:us-east-1:{PUBLIC_LAYER_ACCOUNT}:layer:AWSLambdaPowertoolsPythonV3-python314-arm64:1"
    )


def test_warm_workers_are_few_however_many_functions_there_are(aws, cloud, deploy, function, upload_zip, eventually):
    key = upload_zip({"index.py": "def handler(event, context): return 1"})
    names = [f"F{number}" for number in range(12)]
    outputs = deploy({name: function(None, key=key) for name in names}, {name: {"Ref": name} for name in names})
    for name in outputs.values():
        _invoke(aws, name, {})

    def few():
        _invoke(aws, outputs["F0"], {})
        return len(list((cloud.work_dir / "tmp").glob("ministack-lambda-*"))) <= 6

    eventually(few)


def test_a_failed_asynchronous_call_ends_in_the_dead_letter_queue(aws, deploy, function, eventually, received):
    outputs = deploy(
        {
            "Dead": {"Type": "AWS::SQS::Queue"},
            "F": function(_RAISING, DeadLetterConfig={"TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}}),
        },
        {"F": {"Ref": "F"}, "Dead": {"Ref": "Dead"}},
    )
    aws("lambda").invoke(FunctionName=outputs["F"], InvocationType="Event", Payload=b'{"fail": true}')
    (message,) = eventually(lambda: received(outputs["Dead"]))
    assert message == {"fail": True}


def test_a_failed_asynchronous_call_reaches_its_destination(aws, deploy, function, eventually, received):
    outputs = deploy(
        {
            "Failed": {"Type": "AWS::SQS::Queue"},
            "F": function(_RAISING),
            "Config": {
                "Type": "AWS::Lambda::EventInvokeConfig",
                "Properties": {
                    "FunctionName": {"Ref": "F"},
                    "Qualifier": "$LATEST",
                    "MaximumRetryAttempts": 1,
                    "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Failed", "Arn"]}}},
                },
            },
        },
        {"F": {"Ref": "F"}, "Failed": {"Ref": "Failed"}},
    )
    aws("lambda").invoke(FunctionName=outputs["F"], InvocationType="Event", Payload=b'{"fail": true}')
    (record,) = eventually(lambda: received(outputs["Failed"]))
    assert record["requestPayload"] == {"fail": True}
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responsePayload"]["errorType"] == "StudioUnknown"


def test_a_queue_worker_reports_single_failures(aws, deploy, function, eventually, received):
    source = (
        "import json\n"
        "def handler(event, context):\n"
        "    bad = [r for r in event['Records'] if json.loads(r['body']).get('bad')]\n"
        "    return {'batchItemFailures': [{'itemIdentifier': r['messageId']} for r in bad]}\n"
    )
    outputs = deploy(
        {
            "Dead": {"Type": "AWS::SQS::Queue"},
            "Work": {
                "Type": "AWS::SQS::Queue",
                "Properties": {
                    "VisibilityTimeout": 2,
                    "RedrivePolicy": {
                        "deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]},
                        "maxReceiveCount": 1,
                    },
                },
            },
            "F": function(source, Timeout=2),
            "Mapping": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "FunctionName": {"Ref": "F"},
                    "EventSourceArn": {"Fn::GetAtt": ["Work", "Arn"]},
                    "BatchSize": 10,
                    "FunctionResponseTypes": ["ReportBatchItemFailures"],
                },
            },
        },
        {"Work": {"Ref": "Work"}, "Dead": {"Ref": "Dead"}, "F": {"Ref": "F"}},
    )
    # A cold start may outlast the messages' short invisibility.
    _invoke(aws, outputs["F"], {"Records": []})
    for body in ({"bad": False}, {"bad": True}):
        aws("sqs").send_message(QueueUrl=outputs["Work"], MessageBody=json.dumps(body))
    assert eventually(lambda: received(outputs["Dead"])) == [{"bad": True}]


_CROWDED = """
import os, time

def handler(event, context):
    # The invocations of one moment: each leaves a file while it runs, and counts those of the others.
    mine = os.path.join(event["folder"], context.aws_request_id)
    open(mine, "w").close()
    time.sleep(0.05)
    together = len(os.listdir(event["folder"]))
    os.remove(mine)
    return {"together": together, "process": os.getpid()}
"""


def test_a_crowd_of_invocations_is_served_by_a_few_workers(aws, deploy, function, tmp_path):
    name = deploy({"F": function(_CROWDED)}, {"F": {"Ref": "F"}})["F"]
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: _invoke(aws, name, {"folder": str(tmp_path)})[1], range(24)))
    assert len({answer["process"] for answer in answers}) <= 4
    assert max(answer["together"] for answer in answers) <= 4
    assert len(answers) == 24


_SLOW = """
import os
import time

def handler(event, context):
    time.sleep(1.1)
    return os.getpid()
"""


def test_a_worker_that_was_busy_until_now_is_not_idle(aws, deploy, function):
    # More functions than workers are kept (conftest.py): one that was called a second ago must not be taken for idle.
    names = [f"F{number}" for number in range(8)]
    outputs = deploy({name: function(_SLOW) for name in names}, {name: {"Ref": name} for name in names})

    def twice(name):
        first = _invoke(aws, outputs[name], {})[1]
        time.sleep(0.2)  # While it is free, the others' calls look for idle ones.
        return first, _invoke(aws, outputs[name], {})[1]

    with ThreadPoolExecutor(len(names)) as pool:
        assert all(first == second for first, second in pool.map(twice, names))
