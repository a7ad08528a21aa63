from types import SimpleNamespace

import pytest
from moto import mock_aws

from lambdas.common.aws import client
from tests.lambdas import calls
from tests.lambdas.cloud import Bus

calls.watch()


@pytest.fixture(autouse=True)
def no_call_without_a_grant():
    """What a handler asks AWS for, its role allows: see `tests/lambdas/calls.py`."""
    calls.RECORDER.begin()
    yield
    assert calls.RECORDER.ungranted() == []


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled):
    """Handlers run on moto, in this process: whatever opens a socket here would reach for the real AWS."""


@pytest.fixture(scope="session", autouse=True)
def clients_made_here():
    """Clients are costly and kept for the session; those of other tests may point elsewhere."""
    client.cache_clear()


@pytest.fixture
def aws():
    """An empty AWS account; what botocore has read of the services' descriptions stays."""
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        yield


@pytest.fixture
def bus(aws):
    return Bus("marquee")


@pytest.fixture
def buckets(aws):
    """The names of a versioned raw bucket and of a work bucket."""
    s3 = client("s3")
    for name in ("raw", "work"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket="raw", VersioningConfiguration={"Status": "Enabled"})
    return SimpleNamespace(raw="raw", work="work")


@pytest.fixture
def context():
    """The object that Lambda hands to a handler beside its event."""
    return SimpleNamespace(
        function_name="function",
        memory_limit_in_mb=256,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
        aws_request_id="00000000-0000-0000-0000-000000000000",
        get_remaining_time_in_millis=lambda: 120_000,
    )


@pytest.fixture
def deployed(monkeypatch):
    """Put an environment contract into force, as the deployment does."""

    def put_into_force(environment):
        for name, value in environment.variables().items():
            monkeypatch.setenv(name, value)

    return put_into_force
