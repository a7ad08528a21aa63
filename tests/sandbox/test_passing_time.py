"""Inventories and lifecycle rules, which take days elsewhere."""

import csv
import gzip
import io
import json
import urllib.error

import pytest

pytestmark = pytest.mark.embedded

LARGE = b"\0" * 128 * 1024


def _bucket(**properties):
    return {
        "Type": "AWS::S3::Bucket",
        "Properties": {"VersioningConfiguration": {"Status": "Enabled"}, **properties},
    }


def _rule(name, **settings):
    return {"Id": name, "Status": "Enabled", **settings}


def _keep(s3, bucket, key, body=LARGE, **options):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **options)["VersionId"]


def _versions(s3, bucket):
    return {entry["VersionId"]: entry for entry in s3.list_object_versions(Bucket=bucket).get("Versions", [])}


@pytest.fixture
def aged(aws, cloud, deploy):
    """A bucket with the lifecycle of a bucket of sources, and the way to let it age."""
    steps = [
        {"StorageClass": "GLACIER", "TransitionInDays": 90},
        {"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 365},
    ]
    rules = [
        _rule("uploads", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}, ExpiredObjectDeleteMarker=True),
        _rule("archive", Transitions=steps, NoncurrentVersionTransitions=steps),
        _rule(
            "rejected",
            TagFilters=[{"Key": "disposition", "Value": "rejected"}],
            ExpirationInDays=30,
            NoncurrentVersionExpiration={"NoncurrentDays": 30},
        ),
    ]
    name = deploy({"Bucket": _bucket(LifecycleConfiguration={"Rules": rules})}, {"Name": {"Ref": "Bucket"}})["Name"]
    return name, lambda days: cloud.age(name, days=days)


def test_objects_move_down_the_storage_classes(aws, aged):
    bucket, age = aged
    s3 = aws("s3")
    version = _keep(s3, bucket, "film.mov")
    age(89)
    assert _versions(s3, bucket)[version]["StorageClass"] == "STANDARD"
    age(90)
    assert _versions(s3, bucket)[version]["StorageClass"] == "GLACIER"
    age(400)
    assert _versions(s3, bucket)[version]["StorageClass"] == "DEEP_ARCHIVE"
    assert s3.head_object(Bucket=bucket, Key="film.mov")["StorageClass"] == "DEEP_ARCHIVE"


def test_small_objects_stay_where_they_are(aws, aged):
    bucket, age = aged
    version = _keep(aws("s3"), bucket, "manifest.json", b"{}")
    age(400)
    assert _versions(aws("s3"), bucket)[version]["StorageClass"] == "STANDARD"


def test_what_is_tagged_expires_and_what_is_replaced_does_not(aws, aged):
    bucket, age = aged
    s3 = aws("s3")
    replaced = _keep(s3, bucket, "source.mov")
    rejected = _keep(s3, bucket, "rejected.mov", Tagging="disposition=rejected")
    rejected_and_replaced = _keep(s3, bucket, "source.mov", Tagging="disposition=rejected")
    current = _keep(s3, bucket, "source.mov")
    age(29)
    assert set(_versions(s3, bucket)) == {replaced, rejected, rejected_and_replaced, current}
    age(30)
    assert "rejected.mov" not in {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    age(60)
    assert set(_versions(s3, bucket)) == {replaced, current}
    assert "DeleteMarkers" not in s3.list_object_versions(Bucket=bucket), "markers of nothing go too"


def test_uploads_that_nobody_finished_are_aborted(aws, aged):
    bucket, age = aged
    s3 = aws("s3")
    s3.create_multipart_upload(Bucket=bucket, Key="half.mov")
    assert age(6)["aborted"] == 0
    assert age(7)["aborted"] == 1
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_an_unknown_request_says_what_is_wrong(cloud):
    with pytest.raises(urllib.error.HTTPError) as refused:
        cloud._let_happen("age", bucket="nobody")
    assert "days" in json.load(refused.value)["error"]


def test_an_inventory_lists_every_version(aws, cloud, deploy):
    s3 = aws("s3")
    fields = ["Size", "LastModifiedDate", "ETag", "StorageClass", "ReplicationStatus", "EncryptionStatus"]
    configuration = {
        "Id": "daily",
        "Enabled": True,
        "IncludedObjectVersions": "All",
        "ScheduleFrequency": "Daily",
        "OptionalFields": fields,
        "Destination": {"BucketArn": {"Fn::GetAtt": ["Lists", "Arn"]}, "Format": "CSV", "Prefix": "inventory"},
    }
    resources = {"Lists": _bucket(), "Bucket": _bucket(InventoryConfigurations=[configuration])}
    outputs = deploy(resources, {"Lists": {"Ref": "Lists"}, "Bucket": {"Ref": "Bucket"}})
    bucket, lists = outputs["Bucket"], outputs["Lists"]
    first = _keep(s3, bucket, "a film é.mov", b"one")
    second = _keep(s3, bucket, "a film é.mov", b"second")
    _keep(s3, bucket, "gone")
    s3.delete_object(Bucket=bucket, Key="gone")

    written = [where for where in cloud.write_inventories() if where.startswith(f"s3://{lists}/")]
    [where] = written
    key = where.removeprefix(f"s3://{lists}/")
    assert key.startswith(f"inventory/{bucket}/daily/")
    manifest = json.loads(s3.get_object(Bucket=lists, Key=key)["Body"].read())
    assert manifest["sourceBucket"] == bucket
    columns = manifest["fileSchema"].split(", ")
    assert columns == ["Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", *fields]
    [file] = manifest["files"]
    text = gzip.decompress(s3.get_object(Bucket=lists, Key=file["key"])["Body"].read()).decode()
    rows = [dict(zip(columns, row, strict=True)) for row in csv.reader(io.StringIO(text))]
    listed = {row["VersionId"]: row for row in rows}
    assert listed[first]["Key"] == "a+film+%C3%A9.mov"
    assert (listed[first]["IsLatest"], listed[second]["IsLatest"]) == ("false", "true")
    assert (listed[second]["Size"], listed[second]["EncryptionStatus"]) == ("6", "SSE-S3")
    assert sorted(row["IsDeleteMarker"] for row in rows if row["Key"] == "gone") == ["false", "true"]


def test_a_bucket_that_is_gone_is_not_listed(cloud, deploy):
    configuration = {
        "Id": "daily",
        "Enabled": True,
        "IncludedObjectVersions": "All",
        "ScheduleFrequency": "Daily",
        "Destination": {"BucketArn": {"Fn::GetAtt": ["Lists", "Arn"]}, "Format": "CSV"},
    }
    resources = {"Lists": _bucket(), "Bucket": _bucket(InventoryConfigurations=[configuration])}
    name = deploy(resources, {"Name": {"Ref": "Lists"}})["Name"]
    assert [where for where in cloud.write_inventories() if where.startswith(f"s3://{name}/")]
    deploy.update(deploy.stack, {**resources, "Bucket": _bucket()})
    assert not [where for where in cloud.write_inventories() if where.startswith(f"s3://{name}/")]
