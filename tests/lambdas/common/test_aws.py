import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from lambdas.common.aws import client, transient_errors
from lambdas.common.errors import NotFoundError, TransientError
from lambdas.common.executions import start_once
from lambdas.common.objects import TooLargeError, read_object, write_json
from tests.lambdas.cloud import executions, put, state_machine

HANDLERS = [
    "lambdas.ingestion.handlers",
    "lambdas.encoding.handlers",
    "lambdas.catalog.handlers",
    "lambdas.common.failures",
]
ROOT = Path(__file__).parents[3]


def service_error(code, status=400):
    response = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Operation")


@pytest.mark.parametrize(
    "error",
    [
        service_error("ThrottlingException"),
        service_error("SlowDown"),
        service_error("Mystery", status=503),
        EndpointConnectionError(endpoint_url="https://example.org"),
        ReadTimeoutError(endpoint_url="https://example.org"),
    ],
)
def test_what_may_pass_is_transient(error):
    with pytest.raises(TransientError), transient_errors():
        raise error


@pytest.mark.parametrize("error", [service_error("AccessDenied", status=403), KeyError("x")])
def test_what_stays_wrong_is_not(error):
    with pytest.raises(type(error)), transient_errors():
        raise error


def test_importing_handlers_makes_no_client_and_needs_no_environment():
    program = (
        "import boto3\n"
        "def refuse(*_, **__): raise AssertionError('a client at import')\n"
        "boto3.client = boto3.resource = boto3.session.Session = refuse\n"
        f"import {', '.join(HANDLERS)}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


class TestObjects:
    def test_the_asked_version_is_read_and_not_the_newest(self, buckets):
        first = put(bucket=buckets.raw, key="a.json", body="first")["VersionId"]
        put(bucket=buckets.raw, key="a.json", body="second")
        assert read_object(bucket=buckets.raw, key="a.json", version=first, limit=10) == b"first"
        assert read_object(bucket=buckets.raw, key="a.json", limit=10) == b"second"

    def test_what_is_not_there_is_named(self, buckets):
        with pytest.raises(NotFoundError, match=r"s3://raw/a\.json"):
            read_object(bucket=buckets.raw, key="a.json", limit=10)

    def test_the_limit_is_inclusive(self, buckets):
        put(bucket=buckets.raw, key="a.json", body="x" * 11)
        assert len(read_object(bucket=buckets.raw, key="a.json", limit=11)) == 11
        with pytest.raises(TooLargeError, match="11 bytes, more than 10"):
            read_object(bucket=buckets.raw, key="a.json", limit=10)

    def test_what_was_written_is_json_in_utf_8(self, buckets):
        write_json(bucket=buckets.work, key="a.json", text='{"name": "Größe"}')
        found = boto3.client("s3").get_object(Bucket=buckets.work, Key="a.json")
        assert found["ContentType"] == "application/json"
        assert found["Body"].read().decode() == '{"name": "Größe"}'


@pytest.mark.usefixtures("aws")
class TestStartOnce:
    def test_the_same_name_twice_is_one_execution(self):
        arn = state_machine("pipeline")
        assert start_once(state_machine_arn=arn, name="v1", payload={"a": 1})
        assert start_once(state_machine_arn=arn, name="v1", payload={"a": 1})
        assert executions(arn) == [{"name": "v1", "input": {"a": 1}}]

    def test_a_name_that_is_taken_is_no_error(self):
        arn = state_machine("pipeline")
        start_once(state_machine_arn=arn, name="v1", payload={"a": 1})
        assert not start_once(state_machine_arn=arn, name="v1", payload={"a": 2})
        assert executions(arn) == [{"name": "v1", "input": {"a": 1}}]

    def test_the_input_does_not_depend_on_the_order_of_its_fields(self, monkeypatch):
        seen = []
        monkeypatch.setattr(client("stepfunctions"), "start_execution", lambda **given: seen.append(given))
        start_once(state_machine_arn="arn", name="v1", payload={"a": 1, "b": 2})
        start_once(state_machine_arn="arn", name="v1", payload={"b": 2, "a": 1})
        assert seen[0] == seen[1]

    def test_any_other_refusal_is_an_error(self):
        with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
            start_once(state_machine_arn=state_machine("pipeline") + "x", name="v1", payload={})
