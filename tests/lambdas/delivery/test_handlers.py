import io
import json

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.common.aws import client
from lambdas.common.errors import TransientError
from lambdas.delivery import handlers
from lambdas.playback.models import EdgeKey
from lambdas.playback.signals import origin_token

KEY = "0123456789abcdef" * 4
OBJECT = "edge-keys/k1.json"
# The function runs beside CloudFront; the secret lies where the platform is.
SECRETS_REGION = "eu-central-1"


@pytest.fixture
def staging(aws):
    client("s3").create_bucket(Bucket="staging")


@pytest.fixture
def secret(staging):
    def secret(text):
        secrets = boto3.client("secretsmanager", region_name=SECRETS_REGION)
        return secrets.create_secret(Name="edge", SecretString=text)["ARN"]

    return secret


@pytest.fixture
def publish(context):
    context.log_stream_name = "the-log-stream"
    return lambda event: handlers.publish_edge_keys(event, context)


def properties(arn):
    return {"ServiceToken": "arn", "SecretArn": arn, "Bucket": "staging", "Key": OBJECT}


def stored():
    return json.loads(client("s3").get_object(Bucket="staging", Key=OBJECT)["Body"].read())


def good(secret):
    return properties(secret(json.dumps({"kid": "k1", "key": KEY})))


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_the_key_is_copied_from_its_region_to_where_the_store_imports_it(
    cloudformation, request_, publish, secret, kind
):
    publish(request_(kind, good(secret)))

    assert stored() == {"data": [{"key": "k1", "value": KEY}]}
    assert cloudformation.answers == [
        {
            "Status": "SUCCESS",
            "Reason": "",
            "PhysicalResourceId": f"arn:aws:s3:::staging/{OBJECT}",
            "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1",
            "RequestId": "request-1",
            "LogicalResourceId": "EdgeKeys",
            "Data": {
                "ImportArn": f"arn:aws:s3:::staging/{OBJECT}",
                "OriginToken": origin_token(EdgeKey(kid="k1", key=KEY)),
            },
            "NoEcho": True,
        }
    ]


def test_the_answer_is_sent_without_a_content_type_for_which_the_url_is_not_signed(
    cloudformation, request_, publish, secret
):
    publish(request_("Create", good(secret)))

    assert cloudformation.content_types == [""]


def test_deletion_takes_the_copy_away_without_asking_for_the_secret(cloudformation, request_, publish, secret):
    wanted = good(secret)
    publish(request_("Create", wanted))
    made = cloudformation.answers[-1]["PhysicalResourceId"]
    boto3.client("secretsmanager", region_name=SECRETS_REGION).delete_secret(
        SecretId="edge", ForceDeleteWithoutRecovery=True
    )

    publish(request_("Delete", wanted, PhysicalResourceId=made))

    assert cloudformation.answers[-1]["Status"] == "SUCCESS"
    assert cloudformation.answers[-1]["PhysicalResourceId"] == made
    with pytest.raises(ClientError, match="NoSuchKey"):
        stored()


def test_deletion_forgives_a_bucket_that_is_gone(cloudformation, request_, publish, staging):
    client("s3").delete_bucket(Bucket="staging")
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:edge"

    publish(request_("Delete", properties(arn), PhysicalResourceId="made"))

    assert cloudformation.answers[-1]["Status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:none"}, "ResourceNotFound"),
        ({"SecretArn": "edge"}, "SecretArn"),
        ({"Bucket": None}, "Bucket"),
        ({"Bucket": "no-such-bucket"}, "NoSuchBucket"),
    ],
)
def test_a_failure_is_answered_with_its_reason_and_where_to_read_on(
    cloudformation, request_, publish, secret, change, reason
):
    publish(request_("Create", good(secret) | change))

    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert reason in answer["Reason"]
    assert "the-log-stream" in answer["Reason"]


def test_what_failed_to_be_made_can_be_deleted(cloudformation, request_, publish, staging):
    publish(request_("Create", {"ServiceToken": "arn"}))
    made = cloudformation.answers[-1]["PhysicalResourceId"]

    publish(request_("Delete", {"ServiceToken": "arn"}, PhysicalResourceId=made))

    assert [answer["Status"] for answer in cloudformation.answers] == ["FAILED", "SUCCESS"]


@pytest.mark.parametrize("text", ['{"kid": "k1", "key": "tiny-secret"}', "tiny-secret", '{"kid": "tiny-secret"}'])
def test_neither_reason_nor_log_tells_what_is_in_the_secret(
    cloudformation, request_, publish, secret, monkeypatch, text
):
    stream = io.StringIO()
    monkeypatch.setattr(handlers.logger.registered_handler, "stream", stream)

    publish(request_("Create", properties(secret(text))))

    assert cloudformation.answers[-1]["Status"] == "FAILED"
    assert "edge keys failed" in stream.getvalue()
    assert "tiny-secret" not in cloudformation.answers[-1]["Reason"]
    assert "tiny-secret" not in stream.getvalue()


def test_an_answer_that_is_not_taken_makes_lambda_try_again(cloudformation, request_, publish, secret):
    cloudformation.status = 503

    with pytest.raises(TransientError) as failed:
        publish(request_("Create", good(secret)))

    # The URL is presigned: in a log it would let others answer.
    assert "secret-signature" not in str(failed.value)
