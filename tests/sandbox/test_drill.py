"""The restore drill on buckets of its own: what it brings back, and when it refuses to begin."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import pytest

from lambdas.common.keys import PublishedVersion
from lambdas.common.media import ObjectRef
from lambdas.storage.models import SourceObject, SourceRecord

pytestmark = pytest.mark.embedded

TITLE, VERSION = "a-film", "v0123456789abcdef"
WHERE = PublishedVersion(TITLE, VERSION)


def _bucket(**properties):
    return {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}, **properties}}


def _to(copy):
    rule = {
        "Id": "all",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{copy}"},
    }
    return {"Role": "arn:aws:iam::000000000000:role/replication", "Rules": [rule]}


@pytest.fixture(scope="module")
def buckets(deploy):
    names = {"RawCopy": {"Ref": "RawCopy"}, "MediaCopy": {"Ref": "MediaCopy"}}
    copies = deploy({name: _bucket() for name in names}, names, region="us-west-2")
    sources = deploy(
        {name: _bucket(ReplicationConfiguration=_to(copies[f"{name}Copy"])) for name in ("Raw", "Media")},
        {name: {"Ref": name} for name in ("Raw", "Media")},
    )
    return copies | sources


@pytest.fixture
def title(aws, buckets):
    """A published title: its objects as they should be."""
    s3 = aws("s3")
    media = {f"{WHERE.prefix}video/1080p/seg_{n}.m4s": b"segment %d" % n for n in range(9)} | {WHERE.poster: b"poster"}
    raw = {"blender/d1/film.mov": b"film", "blender/d1/film.en.vtt": b"words"}
    for bucket, objects in ((buckets["Media"], media), (buckets["Raw"], raw)):
        for key, body in objects.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="video/x", ChecksumAlgorithm="SHA256")
    return {(buckets["Media"], key): body for key, body in media.items()} | {
        (buckets["Raw"], key): body for key, body in raw.items()
    }


@pytest.fixture
def platform(aws, cloud, buckets, title):
    dynamodb = aws("dynamodb")
    for name, keys in (("playable", ("title_id",)), ("sources", ("pk", "sk"))):
        if name not in dynamodb.list_tables()["TableNames"]:
            dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"))],  # noqa: B905
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            )
    dynamodb.put_item(TableName="playable", Item={"title_id": {"S": TITLE}, "version_id": {"S": VERSION}})
    record = SourceRecord(
        title_id=TITLE,
        version_id=VERSION,
        studio="blender",
        delivery_id="d1",
        accepted_at=datetime.now(UTC),
        objects=tuple(
            SourceObject(ref=ObjectRef(bucket=bucket, key=key), size_bytes=len(body))
            for (bucket, key), body in title.items()
            if bucket == buckets["Raw"]
        ),
    )
    dynamodb.put_item(
        TableName="sources",
        Item={
            "pk": {"S": f"TITLE#{TITLE}"},
            "sk": {"S": f"VERSION#{VERSION}"},
            "record": {"S": record.model_dump_json()},
        },
    )
    pairs = [
        {
            "bucket": buckets[name],
            "region": "us-east-1",
            "reports": "-",
            "replica": buckets[f"{name}Copy"],
            "replica_region": "us-west-2",
            "replica_reports": "-",
        }
        for name in ("Raw", "Media")
    ]
    outputs = {
        ("playback", "PlayableTable"): "playable",
        ("storage-recovery", "SourcesTable"): "sources",
        ("storage-recovery", "ReplicaPairs"): json.dumps(pairs),
        ("ingestion", "RawBucket"): buckets["Raw"],
    }
    session = boto3.session.Session(
        aws_access_key_id="embedded", aws_secret_access_key="embedded", region_name="us-east-1"
    )
    return SimpleNamespace(
        endpoint=cloud.endpoint, session=session, client=aws, output=lambda context, key: outputs[context, key]
    )


@pytest.fixture
def drill(platform):
    from sandbox.drill import RestoreDrill  # noqa: PLC0415

    return RestoreDrill(platform)


@pytest.fixture
def error():
    from sandbox.drill import DrillError  # noqa: PLC0415

    return DrillError


def _content(s3, title):
    found = {}
    for bucket, key in title:
        answer = s3.get_object(Bucket=bucket, Key=key)
        found[bucket, key] = (answer["Body"].read(), answer["ContentType"])
    return found


def test_every_object_suffers_and_comes_back_as_it_was(aws, drill, title):
    drilled = drill.run(TITLE, tell=lambda _: None)
    assert drilled.objects == len(title) == sum(drilled.damages.values()) == sum(drilled.remedies.values())
    assert set(drilled.damages) == {"deleted", "overwritten", "destroyed"}
    assert _content(aws("s3"), title) == {where: (body, "video/x") for where, body in title.items()}


def test_a_source_keeps_the_version_that_others_refer_to(aws, drill, buckets):
    s3 = aws("s3")
    film = {"Bucket": buckets["Raw"], "Key": "blender/d1/film.mov"}
    version = s3.head_object(**film)["VersionId"]
    drill.run(TITLE, tell=lambda _: None)
    assert s3.get_object(**film, VersionId=version)["Body"].read() == b"film"


@pytest.mark.parametrize("fault", ["missing", "different"])
def test_nothing_is_damaged_that_the_replica_does_not_hold(aws, drill, error, buckets, title, fault, monkeypatch):
    s3 = aws("s3")
    replica = {"Bucket": buckets["MediaCopy"], "Key": WHERE.poster}
    if fault == "missing":
        s3.delete_object(**replica, VersionId=s3.head_object(**replica)["VersionId"])
    else:
        from sandbox import drill as module  # noqa: PLC0415

        monkeypatch.setattr(module, "is_good", lambda *_, **__: False)
    with pytest.raises(error, match="nothing was damaged"):
        drill.run(TITLE, tell=lambda _: None)
    assert {where: body for where, (body, _) in _content(s3, title).items()} == title


def test_what_was_not_recovered_is_not_passed_over(drill, error, monkeypatch):
    from sandbox import drill as module  # noqa: PLC0415

    def careless(*_, **__):
        return {}

    monkeypatch.setattr(module, "plan", careless)
    with pytest.raises(error):
        drill.run(TITLE, tell=lambda _: None)


def test_a_title_that_is_not_published_is_refused(drill, error):
    with pytest.raises(error, match="no published title"):
        drill.run("unheard-of", tell=lambda _: None)


def test_a_real_account_is_refused_before_it_is_asked_anything(error):
    from sandbox.drill import RestoreDrill  # noqa: PLC0415

    with pytest.raises(error, match="--damage-a-real-account"):
        RestoreDrill(SimpleNamespace(endpoint=None))
    RestoreDrill(SimpleNamespace(endpoint=None), on_a_real_account=True)
