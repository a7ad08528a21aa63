"""Storage on the deployed platform: replicas, their checks, the archive and the way back, and the drill."""

import json
from collections import Counter

import pytest

from lambdas.common.keys import PublishedVersion
from tests.platform.viewer import TITLE

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def pairs(platform):
    """The replicated buckets and their replicas, by role."""
    found = json.loads(platform.output("storage-recovery", "ReplicaPairs"))
    return {role: pair for pair in found for role in ("raw", "media") if f"-{role}-" in pair["bucket"]}


@pytest.fixture(scope="module")
def s3(platform):
    return platform.client("s3")


@pytest.fixture
def check(platform):
    """Let S3 write its inventories, and call a check as its schedule does, but for objects of any age."""

    def run(function):
        platform.up.cloud.write_inventories()
        return platform.invoke("storage-recovery", function, {"source": "aws.events", "lag_minutes": 0})

    return run


@pytest.fixture
def source(published, platform):
    """The published film's source, as storage has recorded it."""
    table = platform.output("storage-recovery", "SourcesTable")
    key = {"pk": {"S": f"TITLE#{TITLE}"}, "sk": {"S": f"VERSION#{published.outcome.version_id}"}}
    item = platform.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    return json.loads(item["record"]["S"])


def faults(answer):
    return {
        pair["bucket"]: {kind: n for kind, n in pair["counts"].items() if kind != "extra"} for pair in answer["pairs"]
    }


def test_a_source_is_recorded_with_its_digest_and_its_version(published, source):
    manifest = {file.sha256 for file in published.delivery.manifest.files}
    assert {found["sha256"] for found in source["objects"]} <= manifest
    assert all(found["ref"]["version_id"] for found in source["objects"])


def test_a_published_title_lies_in_both_regions_under_the_same_versions(published, pairs, s3, source):
    version = PublishedVersion(TITLE, published.outcome.version_id)
    media = pairs["media"]
    listed = s3.list_objects_v2(Bucket=media["bucket"], Prefix=version.prefix)["Contents"]
    wanted = [(media, entry["Key"]) for entry in listed] + [
        (pairs["raw"], found["ref"]["key"]) for found in source["objects"]
    ]
    assert wanted
    for pair, key in wanted:
        ours = s3.head_object(Bucket=pair["bucket"], Key=key)
        theirs = s3.head_object(Bucket=pair["replica"], Key=key, VersionId=ours["VersionId"])
        assert (ours["ReplicationStatus"], theirs["ReplicationStatus"]) == ("COMPLETED", "REPLICA"), key
        assert ours["ContentLength"] == theirs["ContentLength"]


def test_the_inventories_of_both_regions_agree_until_something_is_lost(published, check, pairs, s3):
    assert check("CompareInventories")["faults"] == 0
    media = pairs["media"]
    version = PublishedVersion(TITLE, published.outcome.version_id)
    replica = {"Bucket": media["replica"], "Key": version.hls}
    kept = s3.get_object(**replica)
    lost = kept["Body"].read()
    s3.delete_object(**replica, VersionId=kept["VersionId"])
    try:
        answer = check("CompareInventories")
        assert faults(answer)[media["bucket"]] == {"missing": 1}
        [pair] = [pair for pair in answer["pairs"] if pair["bucket"] == media["bucket"]]
        bucket, _, key = pair["report"].removeprefix("s3://").partition("/")
        report = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        assert [found["key"] for found in report["differences"] if found["kind"] == "missing"] == [version.hls]
    finally:
        # Written here again it is replicated again, under a version of its own.
        s3.put_object(Bucket=media["bucket"], Key=version.hls, Body=lost, ContentType=kept["ContentType"])
        marked = s3.list_object_versions(Bucket=media["bucket"], Prefix=version.hls)["Versions"]
        for old in marked[1:]:
            s3.delete_object(Bucket=media["bucket"], Key=version.hls, VersionId=old["VersionId"])


def test_a_sample_of_both_regions_is_alike(published, check):
    answer = check("VerifyReplicas")
    assert answer["faults"] == 0
    assert all(pair["checked"] and sum(pair["counts"].values()) for pair in answer["pairs"])


def test_a_lost_title_comes_back_and_plays(published, platform, pairs, viewer):
    from sandbox.drill import RestoreDrill  # noqa: PLC0415

    told = []
    drilled = RestoreDrill(platform.up.platform).run(TITLE, tell=told.append)
    assert told == ["look at the replicas", "damage", "recover", "verify"]
    assert set(drilled.damages) == {"deleted", "overwritten", "destroyed"}
    assert Counter(drilled.remedies).total() == drilled.objects
    assert drilled.remedies["undeleted"] == drilled.damages["deleted"]
    assert drilled.remedies["put back"] == drilled.damages["overwritten"]
    assert drilled.remedies["copied"] == drilled.damages["destroyed"]
    assert "intact" not in drilled.remedies
    assert 0 < drilled.seconds < 3600

    session = viewer.watch(TITLE)
    manifest = viewer.get(session["manifests"]["dash"])
    assert manifest.status == 200
    assert b"<MPD" in manifest.body


def test_an_archived_source_comes_back_whole(published, platform, pairs, s3, source):
    from lambdas.storage.models import Tier  # noqa: PLC0415
    from sandbox.restoring import RestoreError, follow, start  # noqa: PLC0415

    version_id = published.outcome.version_id
    [film] = [found["ref"] for found in source["objects"] if found["size_bytes"] > 128 * 1024]
    which = {"Bucket": film["bucket"], "Key": film["key"], "VersionId": film["version_id"]}
    platform.up.cloud.age(pairs["raw"]["bucket"], days=365, prefix=film["key"])
    assert s3.head_object(**which)["StorageClass"] == "DEEP_ARCHIVE"
    with pytest.raises(s3.exceptions.ClientError, match="InvalidObjectState"):
        s3.get_object(**which)

    def restore(tier):
        execution = start(platform.up.platform, title_id=TITLE, version_id=version_id, tier=tier, days=1)
        told = []
        return follow(platform.up.platform, execution, tell=told.append), told

    with pytest.raises(RestoreError, match=r"TierUnavailableError.*Standard"):
        restore(Tier.EXPEDITED)
    report, told = restore(Tier.BULK)
    assert "Wait" in told or "Look for the copies" in told
    assert {found.proof for found in report.objects} == {"sha256"}
    assert {found.ref.key: found.storage_class for found in report.objects}[film["key"]] == "DEEP_ARCHIVE"
    assert s3.get_object(**which)["ContentLength"] == next(
        found.size_bytes for found in report.objects if found.ref.key == film["key"]
    )
    announced = platform.bus.event("SourceRestored", version_id=version_id)
    assert announced["objects"] == len(source["objects"])


def test_what_was_turned_away_expires_in_every_region_and_nothing_else_does(platform, deliver, pairs, s3):
    location = deliver("turned-away", b"not a film")
    platform.bus.event("DeliveryRejected", delivery_id="turned-away")
    age, raw = platform.up.cloud.age, pairs["raw"]
    folder = {location.prefix}  # an empty object, which the server makes of a folder
    for bucket in (raw["bucket"], raw["replica"]):

        def keys(bucket=bucket):
            listed = s3.list_object_versions(Bucket=bucket, Prefix=location.prefix)["Versions"]
            return {entry["Key"] for entry in listed} - folder

        delivered = keys()
        assert len(delivered) == 2, "the film and its manifest"
        for key in delivered:
            tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
            assert tags == [{"Key": "marquee:disposition", "Value": "rejected"}], key
        assert age(bucket, days=89, prefix=location.prefix)["hidden"] == 0
        assert age(bucket, days=90, prefix=location.prefix)["hidden"] == 2
        assert keys() == delivered, "a delete marker hides it for one day more"
        assert age(bucket, days=91, prefix=location.prefix)["deleted"] == 2
        assert keys() == set()
