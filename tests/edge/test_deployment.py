"""Reading a distribution back from the embedded cloud's CloudFront, and serving it."""

import contextlib
import http.client
import importlib
import uuid

import boto3
import pytest

from lambdas.delivery.edge_sessions import EndedSession
from lambdas.delivery.key_values import KeyValueStore
from lambdas.delivery.session_store import end_sessions
from sandbox.edge_deployment import (
    Caching,
    EdgeDeploymentError,
    Header,
    Origin,
    key_values_client,
    read_deployment,
)
from tests.edge.conftest import FUNCTION

pytestmark = pytest.mark.embedded

CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
NOTHING = {"Quantity": 0, "Items": []}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    pytest.importorskip("ministack", reason="needs the embedded cloud: pip install -r requirements-sandbox.txt")
    embedded = importlib.import_module("sandbox.cloud")
    with embedded.EmbeddedCloud(work_dir=tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def session(cloud):
    settings = cloud.environment()
    return boto3.Session(
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
        region_name=settings["AWS_REGION"],
    )


@pytest.fixture(scope="module")
def cloudfront(cloud, session):
    with contextlib.closing(session.client("cloudfront", endpoint_url=cloud.endpoint)) as client:
        yield client


@pytest.fixture(scope="module")
def store(cloud, cloudfront):
    return cloudfront.create_key_value_store(Name="keys")["KeyValueStore"]["ARN"]


@pytest.fixture(scope="module")
def function(cloudfront, store):
    """A published function; its unpublished draft is another."""
    settings = {
        "Comment": "",
        "Runtime": "cloudfront-js-2.0",
        "KeyValueStoreAssociations": {"Quantity": 1, "Items": [{"KeyValueStoreARN": store}]},
    }
    made = cloudfront.create_function(Name="gate", FunctionConfig=settings, FunctionCode=FUNCTION.read_bytes())
    arn = made["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
    cloudfront.publish_function(Name="gate", IfMatch=made["ETag"])
    draft = cloudfront.describe_function(Name="gate", Stage="DEVELOPMENT")
    cloudfront.update_function(Name="gate", IfMatch=draft["ETag"], FunctionConfig=settings, FunctionCode=b"// a draft")
    return arn


@pytest.fixture(scope="module")
def policy(cloudfront):
    answer = cloudfront.create_response_headers_policy(
        ResponseHeadersPolicyConfig={
            "Name": "security",
            "SecurityHeadersConfig": {
                "StrictTransportSecurity": {
                    "Override": True,
                    "AccessControlMaxAgeSec": 31536000,
                    "IncludeSubdomains": True,
                },
                "ContentTypeOptions": {"Override": True},
                "FrameOptions": {"Override": False, "FrameOption": "DENY"},
                "ReferrerPolicy": {"Override": True, "ReferrerPolicy": "no-referrer"},
                "ContentSecurityPolicy": {
                    "Override": True,
                    "ContentSecurityPolicy": "default-src 'self'",
                },
            },
            "CustomHeadersConfig": {
                "Quantity": 1,
                "Items": [{"Header": "x-a", "Value": "b", "Override": True}],
            },
            "RemoveHeadersConfig": {"Quantity": 1, "Items": [{"Header": "x-amz-version-id"}]},
        }
    )
    return answer["ResponseHeadersPolicy"]["Id"]


def behaviour(target, *, cache=CACHING_OPTIMIZED, pattern=None, **more):
    return {
        **({"PathPattern": pattern} if pattern else {}),
        "TargetOriginId": target,
        "ViewerProtocolPolicy": "https-only",
        "CachePolicyId": cache,
        **more,
    }


def associated(arn, *, event_type="viewer-request"):
    return {"Quantity": 1, "Items": [{"FunctionARN": arn, "EventType": event_type}]}


def bucket(name):
    return {
        "Id": name,
        "DomainName": f"{name}.s3.us-east-1.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        "OriginAccessControlId": "E1",
    }


def api(domain):
    return {
        "Id": "api",
        "DomainName": domain,
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
    }


@pytest.fixture
def deploy(cloud, session, cloudfront):
    """Create a distribution and read it back."""

    def deploy(*, behaviours=(), default=None, origins=None, **more):
        origins = origins or [bucket("web"), bucket("media"), api("abcd1234.execute-api.us-east-1.amazonaws.com")]
        answer = cloudfront.create_distribution(
            DistributionConfig={
                "CallerReference": uuid.uuid4().hex,
                "Comment": "",
                "Enabled": True,
                "DefaultRootObject": "index.html",
                "Origins": {"Quantity": len(origins), "Items": origins},
                "DefaultCacheBehavior": default or behaviour("web"),
                "CacheBehaviors": {"Quantity": len(behaviours), "Items": list(behaviours)},
                **more,
            }
        )
        return read_deployment(session=session, endpoint=cloud.endpoint, distribution_id=answer["Distribution"]["Id"])

    return deploy


@pytest.fixture
def filled(cloud, session, store, edge_key):
    """The key value store with the token key in it."""
    values = key_values_client(session=session, endpoint=cloud.endpoint)

    def etag():
        return values.describe_key_value_store(KvsARN=store)["ETag"]

    with contextlib.closing(values):
        values.put_key(KvsARN=store, Key=edge_key.kid, Value=edge_key.key, IfMatch=etag())
        yield
        values.delete_key(KvsARN=store, Key=edge_key.kid, IfMatch=etag())


def test_what_was_deployed_is_read_back(deploy, filled, function, policy, edge_key):
    everything = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]

    deployment = deploy(
        behaviours=[
            behaviour(
                "api",
                pattern="/api/*",
                cache=CACHING_DISABLED,
                AllowedMethods={"Quantity": 7, "Items": everything},
            ),
            behaviour(
                "media",
                pattern="/media/*",
                FunctionAssociations=associated(function),
                ResponseHeadersPolicyId=policy,
            ),
        ]
    )

    api_, media, web = deployment.behaviours
    assert deployment.root_object == "index.html"
    assert [each.pattern for each in deployment.behaviours] == ["/api/*", "/media/*", "*"]
    assert [each.origin for each in deployment.behaviours] == [
        Origin(kind="api", name="abcd1234"),
        Origin(kind="bucket", name="media"),
        Origin(kind="bucket", name="web"),
    ]
    assert (set(api_.methods), set(media.methods)) == (set(everything), {"GET", "HEAD"})
    assert (api_.caching, media.caching) == (None, Caching(default_ttl_s=86400, by_query=False))
    assert (api_.function, web.function) == (None, None)
    # The published code, not the draft.
    assert media.function.code == FUNCTION.read_text(encoding="utf-8")
    assert media.function.entries == {edge_key.kid: edge_key.key}
    assert media.headers.removed == ("x-amz-version-id",)
    assert set(media.headers.set) == {
        Header(name="strict-transport-security", value="max-age=31536000; includeSubDomains", override=True),
        Header(name="x-content-type-options", value="nosniff", override=True),
        Header(name="x-frame-options", value="DENY", override=False),
        Header(name="referrer-policy", value="no-referrer", override=True),
        Header(name="content-security-policy", value="default-src 'self'", override=True),
        Header(name="x-a", value="b", override=True),
    }


@pytest.fixture
def serve(cloud, edge_tier, tmp_path):
    """Serve a deployment; return a function that asks it for a path."""
    with contextlib.ExitStack() as running:

        def serve(deployment):
            edge = running.enter_context(
                edge_tier.Edge(deployment=deployment, endpoint=cloud.endpoint, work_dir=tmp_path)
            )
            connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=5)
            running.callback(connection.close)

            def ask(path, **headers):
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                return answer.status, answer.headers["content-type"], answer.read()

            return ask

        yield serve


def test_the_deployed_bucket_is_served_to_whoever_has_a_token(
    cloud, session, deploy, filled, function, serve, token_of, edge_key
):
    with contextlib.closing(session.client("s3", endpoint_url=cloud.endpoint)) as s3:
        s3.create_bucket(Bucket="media")
        s3.put_object(Bucket="media", Key="film/v1/1.m4s", Body=b"a segment", ContentType="video/mp4")
    gate = behaviour("media", pattern="/media/*", FunctionAssociations=associated(function))
    path = f"/media/{token_of(edge_key)}/film/v1/1.m4s"

    ask = serve(deploy(behaviours=[gate]))

    assert ask(path) == (200, "video/mp4", b"a segment")
    assert ask(path, range="bytes=2-4") == (206, "video/mp4", b"seg")
    assert ask(path.replace("1.m4s", "2.m4s"))[0] == 404
    assert ask("/media/film/v1/1.m4s")[0] == 403


def test_a_session_that_is_ended_is_refused_by_an_edge_that_runs(  # noqa: PLR0917 - fixtures
    cloud, session, deploy, filled, function, store, serve, token_of, edge_key, monkeypatch
):
    with contextlib.closing(session.client("s3", endpoint_url=cloud.endpoint)) as s3:
        s3.create_bucket(Bucket="media")
        s3.put_object(Bucket="media", Key="film/v1/1.m4s", Body=b"a segment", ContentType="video/mp4")
    ask = serve(deploy(behaviours=[behaviour("media", pattern="/media/*", FunctionAssociations=associated(function))]))
    one, other = (f"/media/{token_of(edge_key, session_id=name)}/film/v1/1.m4s" for name in ("one", "other"))
    assert ask(other)[0] == 200
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)

    ended = [EndedSession(session_id="one", expires_at=4_000_000_000)]
    changed = end_sessions(ended, store=KeyValueStore(store), now=0)

    assert changed == 1
    status, _, body = ask(one)
    assert (status, b"problem:revoked" in body) == (403, True)
    assert ask(other)[0] == 200
    # Its time is over, and the store as it was.
    assert end_sessions([], store=KeyValueStore(store), now=5_000_000_000) == 1


def test_an_empty_key_value_store_is_refused_before_every_viewer_is(deploy, function):
    with pytest.raises(EdgeDeploymentError, match="is empty"):
        deploy(default=behaviour("web", FunctionAssociations=associated(function)))


def test_a_distribution_that_is_not_deployed_is_named(cloud, session):
    with pytest.raises(EdgeDeploymentError, match="E0NONE"):
        read_deployment(session=session, endpoint=cloud.endpoint, distribution_id="E0NONE")


def test_a_function_that_is_not_published_is_named(deploy, cloudfront):
    made = cloudfront.create_function(
        Name="unpublished",
        FunctionConfig={"Comment": "", "Runtime": "cloudfront-js-2.0"},
        FunctionCode=b"function handler(event) { return event.request; }",
    )
    arn = made["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]

    with pytest.raises(EdgeDeploymentError, match="unpublished"):
        deploy(default=behaviour("web", FunctionAssociations=associated(arn)))


def test_what_the_edge_does_not_model_is_refused_and_not_ignored(deploy, function):
    with pytest.raises(EdgeDeploymentError, match="viewer-response"):
        deploy(default=behaviour("web", FunctionAssociations=associated(function, event_type="viewer-response")))
    with pytest.raises(EdgeDeploymentError, match="CustomErrorResponses"):
        deploy(CustomErrorResponses={"Quantity": 1, "Items": [{"ErrorCode": 404, "ErrorCachingMinTTL": 5}]})
    with pytest.raises(EdgeDeploymentError, match=r"elsewhere\.example"):
        deploy(
            origins=[bucket("web"), api("elsewhere.example")],
            behaviours=[behaviour("api", pattern="/api/*")],
        )
