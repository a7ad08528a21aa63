import pytest

from lambdas.common.aws import client
from lambdas.common.media import ObjectRef
from lambdas.ingestion import replicated
from lambdas.ingestion.replicated import FilesOnTheirWayError, require_files

KEYS = ("blender/d1/film.mov", "blender/d1/film.en.vtt")
SIZES = dict.fromkeys(KEYS, 1)


@pytest.fixture
def manifest(buckets):
    key = "blender/d1/manifest.json"
    version = client("s3").put_object(Bucket=buckets.raw, Key=key, Body=b"{}")["VersionId"]
    return ObjectRef(bucket=buckets.raw, key=key, version_id=version)


@pytest.fixture
def a_replica(monkeypatch):
    """Let S3 say of every object that another region sent it; moto knows no replication."""
    looked = replicated._head

    def head(which):
        found = looked(which)
        return found and found | {"ReplicationStatus": "REPLICA"}

    monkeypatch.setattr(replicated, "_head", head)


def put(*keys):
    for key in keys:
        client("s3").put_object(Bucket="raw", Key=key, Body=b"x")


def test_a_manifest_that_was_sent_here_waits_for_nothing(manifest):
    require_files(manifest, sizes=SIZES)


def test_a_replicated_manifest_waits_for_each_of_its_files(manifest, a_replica):
    with pytest.raises(FilesOnTheirWayError, match=r"2 files"):
        require_files(manifest, sizes=SIZES)
    put(KEYS[0])
    with pytest.raises(FilesOnTheirWayError, match=r"film\.en\.vtt"):
        require_files(manifest, sizes=SIZES)
    put(KEYS[1])
    require_files(manifest, sizes=SIZES)


def test_a_manifest_that_was_deleted_meanwhile_is_nobodys_concern_here(manifest, a_replica):
    client("s3").delete_object(Bucket=manifest.bucket, Key=manifest.key, VersionId=manifest.version_id)
    require_files(manifest, sizes=SIZES)


def test_a_file_of_an_earlier_delivery_under_the_same_name_is_not_taken_for_the_new_one(manifest, a_replica):
    put(*KEYS)
    with pytest.raises(FilesOnTheirWayError, match=r"film\.mov"):
        require_files(manifest, sizes=SIZES | {KEYS[0]: 2})
