"""One embedded cloud for the whole folder, and small helpers to use it."""

import io
import json
import time
import zipfile
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from sandbox.cloud import EmbeddedCloud

DEADLINE_SECONDS = 20.0


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    pytest.importorskip("ministack", reason="needs requirements-sandbox.txt: the embedded cloud")
    variables = {
        # Jobs of these tests are shell scripts.
        "MARQUEE_BATCH_ENTRYPOINT": json.dumps(["/bin/sh", "-c"]),
        "MARQUEE_WARM_FUNCTIONS": "6",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.05",
    }
    with EmbeddedCloud(work_dir=tmp_path_factory.mktemp("cloud"), variables=variables) as running:
        yield running


@pytest.fixture(scope="session")
def aws(cloud):
    clients = {}

    def client(service, *, region="us-east-1"):
        if (service, region) not in clients:
            clients[service, region] = boto3.client(
                service,
                endpoint_url=cloud.endpoint,
                region_name=region,
                aws_access_key_id="embedded",
                aws_secret_access_key="embedded",
                config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        return clients[service, region]

    yield client
    for open_client in clients.values():
        open_client.close()


@pytest.fixture(scope="session")
def eventually():
    """Polls until the probe returns something true, and returns that."""

    def poll(probe, *, seconds=DEADLINE_SECONDS):
        deadline = time.monotonic() + seconds
        while True:
            found = probe()
            if found:
                return found
            if time.monotonic() > deadline:
                pytest.fail(f"nothing after {seconds} s; last seen: {found!r}")
            time.sleep(0.02)

    return poll


@pytest.fixture(scope="session")
def deploy(aws, eventually):
    """Deploys resources as a stack and returns its outputs; ``deploy.stack`` holds the latest stack's name."""
    deployed = []

    def create(resources, outputs=None, *, region="us-east-1"):
        name = f"t{uuid4().hex[:8]}"
        template = {
            "Resources": resources,
            "Outputs": {key: {"Value": value} for key, value in (outputs or {}).items()},
        }
        cloudformation = aws("cloudformation", region=region)
        cloudformation.create_stack(
            StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        deployed.append((name, region))
        create.stack = name
        stack = eventually(lambda: _settled(cloudformation, name))
        if stack["StackStatus"] != "CREATE_COMPLETE":
            pytest.fail(f"{stack['StackStatus']}: {_reasons(cloudformation, name)}")
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def update(name, resources, *, region="us-east-1"):
        cloudformation = aws("cloudformation", region=region)
        cloudformation.update_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
        stack = eventually(lambda: _settled(cloudformation, name))
        assert stack["StackStatus"] == "UPDATE_COMPLETE", _reasons(cloudformation, name)

    def delete(name, *, region="us-east-1"):
        cloudformation = aws("cloudformation", region=region)
        cloudformation.delete_stack(StackName=name)
        eventually(lambda: _gone(cloudformation, name))

    create.update = update
    create.delete = delete
    yield create
    for name, region in reversed(deployed):
        aws("cloudformation", region=region).delete_stack(StackName=name)


def _settled(cloudformation, name):
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack


def _gone(cloudformation, name):
    statuses = [
        summary["StackStatus"]
        for summary in cloudformation.list_stacks()["StackSummaries"]
        if summary["StackName"] == name
    ]
    return statuses == ["DELETE_COMPLETE"]


def _reasons(cloudformation, name):
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [event.get("ResourceStatusReason") for event in events if "FAILED" in event["ResourceStatus"]]


@pytest.fixture(scope="session")
def code_bucket(aws):
    aws("s3").create_bucket(Bucket="test-code")
    return "test-code"


@pytest.fixture(scope="session")
def upload_zip(aws, code_bucket):
    """Uploads files as a zip archive and returns its key."""

    def upload(files):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        key = f"{uuid4().hex}.zip"
        aws("s3").put_object(Bucket=code_bucket, Key=key, Body=buffer.getvalue())
        return key

    return upload


@pytest.fixture(scope="session")
def function(code_bucket, upload_zip):
    """The CloudFormation resource of a Python function, from its source."""

    def declare(source, *, handler="index.handler", key=None, **properties):
        code_key = key or upload_zip({"index.py": source})
        return {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.14",
                "Handler": handler,
                "Timeout": 20,
                "Role": "arn:aws:iam::000000000000:role/test",
                "Code": {"S3Bucket": code_bucket, "S3Key": code_key},
                **properties,
            },
        }

    return declare


@pytest.fixture(scope="session")
def received(aws):
    """The messages of a queue, taken out of it."""

    def take(queue_url):
        answer = aws("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        messages = answer.get("Messages", [])
        for message in messages:
            aws("sqs").delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    return take
