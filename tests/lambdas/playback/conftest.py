"""A published title, its viewer, and the AWS resources of playback's functions on moto."""

from __future__ import annotations

import json
import uuid
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

from lambdas.common.attributes import values_of
from lambdas.common.aws import client
from lambdas.common.content_keys import ContentKey
from lambdas.common.media import Manifests, Rendition, SeriesPlace, Tier
from lambdas.playback import handlers, publishing_handlers, revocation_store, sessions, store
from lambdas.playback.accounts import Plan, Plans
from lambdas.playback.models import EdgeKey, Playable, Session, SessionKey
from lambdas.playback.pathways import Pathway, Pathways
from lambdas.playback.series import INDEX, episode_key, series_key

TABLES = {
    "sessions": ("session_id",),
    "leases": ("viewer_id",),
    "accounts": ("viewer_id",),
    "playable": ("title_id",),
    "progress": ("viewer_id", "title_id"),
    "security": ("viewer_id",),
    "content_keys": ("title_id", "tier"),
    "revocations": ("scope", "subject"),
}
INDEXES = {"playable": ("series", "episode")}
PLANS = Plans(
    plans=(
        Plan(name="basic", streams=1, top_tier=Tier.SD),
        Plan(name="standard", streams=2, top_tier=Tier.HD),
        Plan(name="premium", streams=4, top_tier=Tier.UHD, offline_s=48 * 3600),
    ),
    default_plan="premium",
    default_territory="US",
)
ONE_WAY = Pathways()
TWO_WAYS = Pathways(further=(Pathway(id="isp-1", base_url="https://cache.isp.example/", rank=-1),))
DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><BaseURL>a/</BaseURL>
<AdaptationSet id="0" contentType="video" width="1920" height="1080">
<Representation codecs="avc1.640028"/></AdaptationSet>
<AdaptationSet id="1" contentType="video" width="854" height="480">
<Representation codecs="avc1.4d401e"/></AdaptationSet>
</Period></MPD>
"""
HLS = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,URI="../audio/en.m3u8",GROUP-ID="a"
#EXT-X-STREAM-INF:BANDWIDTH=1
../video/1080p.m3u8
"""


@pytest.fixture
def edge_key():
    return EdgeKey(kid="k1", key="0123456789abcdef" * 4)


@pytest.fixture
def session_key():
    return SessionKey(key="fedcba9876543210" * 4)


@pytest.fixture
def terms():
    return sessions.Terms(plans=PLANS, ttl_s=60, lease_s=30, heartbeat_s=10)


@pytest.fixture
def playable():
    return Playable(
        title_id="big-buck-bunny",
        name="Big Buck Bunny",
        version_id="v0123456789abcdef",
        duration_s=100.0,
        manifests=Manifests(
            dash="big-buck-bunny/v0123456789abcdef/manifests/manifest.mpd",
            hls="big-buck-bunny/v0123456789abcdef/manifests/master.m3u8",
        ),
        thumbnails="big-buck-bunny/v0123456789abcdef/thumbnails/thumbnails.vtt",
        renditions=(
            Rendition(
                rung="1080p", codec="h264", width=1920, height=1080,
                bitrate_kbps=4200.5, vmaf_mean=95.1, vmaf_p5=90.2, tier=Tier.HD,
            ),
            Rendition(
                rung="480p", codec="h264", width=854, height=480,
                bitrate_kbps=1200.5, vmaf_mean=85.1, vmaf_p5=80.2, tier=Tier.SD,
            ),
        ),
        key_ids={Tier.AUDIO: "a" * 32, Tier.SD: "b" * 32, Tier.HD: "c" * 32},
        revision=3,
    )  # fmt: skip


@pytest.fixture
def lambda_context():
    return SimpleNamespace(
        function_name="playback",
        memory_limit_in_mb=128,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:playback",
        aws_request_id="request-1",
        log_stream_name="stream",
    )


@pytest.fixture(scope="module")
def cloud():
    """Playback's tables, key and bucket on moto, made once a module: making a KMS key takes its time."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        client.cache_clear()
        for name, keys in TABLES.items():
            _create_table(name, keys)
            patch.setenv(f"{name.upper()}_TABLE", name)
        key_id = client("kms").create_key()["KeyMetadata"]["KeyId"]
        client("s3").create_bucket(Bucket="media")
        patch.setenv("WRAPPING_KEY_ID", key_id)
        patch.setenv("MEDIA_BUCKET", "media")
        patch.setenv("SESSION_TTL_S", "3600")
        patch.setenv("EDGE_FUNCTION_ARN", "arn:aws:lambda:us-east-1:123456789012:function:marquee-end-sessions")
        patch.setenv("LEASE_S", "75")
        patch.setenv("HEARTBEAT_S", "30")
        patch.setenv("PLANS", PLANS.model_dump_json())
        patch.setenv("PATHWAYS", ONE_WAY.model_dump_json())
        yield SimpleNamespace(wrapping_key_id=key_id)
    client.cache_clear()


@pytest.fixture
def aws(cloud, monkeypatch, edge_key, session_key):
    """The cloud with empty tables and fresh secrets, and functions that remember nothing."""
    revocation_store._read.clear()
    handlers._manifest_for.cache_clear()
    handlers._preferred_for.cache_clear()
    for name, keys in TABLES.items():
        for item in client("dynamodb").scan(TableName=name)["Items"]:
            client("dynamodb").delete_item(TableName=name, Key={key: item[key] for key in keys})
    arns = {}
    for name, key in (("edge_secret_arn", edge_key), ("session_secret_arn", session_key)):
        secret = client("secretsmanager").create_secret(Name=uuid.uuid4().hex, SecretString=key.model_dump_json())
        monkeypatch.setenv(name.upper(), secret["ARN"])
        arns[name] = secret["ARN"]
    return SimpleNamespace(wrapping_key_id=cloud.wrapping_key_id, **arns)


@pytest.fixture
def published(aws, playable, lambda_context):
    """`playable` as the functions find it: keys issued, manifests in the bucket, the title playable."""
    issued = publishing_handlers.issue_keys({"title_id": playable.title_id}, lambda_context)["keys"]
    keys = {key.tier: key for key in map(ContentKey.model_validate, issued)}
    title = playable.model_copy(update={"key_ids": {tier: keys[tier].key_id for tier in playable.key_ids}})
    store.PlayableTable("playable").put_if_newer(title)
    s3 = client("s3")
    s3.put_object(Bucket="media", Key=title.manifests.dash, Body=DASH.encode())
    s3.put_object(Bucket="media", Key=title.manifests.hls, Body=HLS.encode())
    return title


@pytest.fixture
def episode(published):
    """Have an episode of a series be playable, by its season and its number; it is the film in all else."""

    def episode(season, number, title_id=None, **change):
        title_id = title_id or f"s{season}e{number}"
        place = SeriesPlace(series_id="the-meadow", name="The Meadow", season=season, episode=number)
        keys = {"series": series_key(place, studio="blender"), "episode": episode_key(place, title_id=title_id)}
        playable = published.model_copy(update={"title_id": title_id, **keys, **change})
        store.PlayableTable("playable").put_if_newer(playable)
        return playable

    return episode


@pytest.fixture
def kept(aws):
    """Return a session as it is kept; with `change`, have it kept so."""

    def kept(session_id, **change):
        table = boto3.resource("dynamodb").Table("sessions")
        session = Session.model_validate(table.get_item(Key={"session_id": session_id})["Item"])
        if change:
            session = session.model_copy(update=change)
            table.put_item(Item=values_of(session))
        return session

    return kept


@pytest.fixture
def call(lambda_context):
    """Call an HTTP handler as the API does; return its status, its parsed body and its headers."""

    def call(handler, *, body=None, viewer="viewer-1", query=None, path=None, headers=None, **claims):
        event = {
            "version": "2.0",
            "headers": headers or {},
            "requestContext": {
                "requestId": "request-1",
                "authorizer": {"jwt": {"claims": {"sub": viewer, **claims} if viewer else {}, "scopes": None}},
            },
            "queryStringParameters": query,
            "pathParameters": path,
            "body": body if body is None or isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = handler(event, lambda_context)
        headers = answer.get("headers", {})
        text = answer.get("body", "")
        return SimpleNamespace(
            status=answer["statusCode"],
            headers=headers,
            text=text,
            json=json.loads(text) if "json" in headers.get("content-type", "") else None,
        )

    return call


def _create_table(name, keys):
    indexed = INDEXES.get(name, ())
    index = {"IndexName": INDEX, "KeySchema": _key_schema(indexed), "Projection": {"ProjectionType": "ALL"}}
    client("dynamodb").create_table(
        TableName=name,
        KeySchema=_key_schema(keys),
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in (*keys, *indexed)],
        BillingMode="PAY_PER_REQUEST",
        **({"GlobalSecondaryIndexes": [index]} if indexed else {}),
    )


def _key_schema(keys):
    return [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)]
