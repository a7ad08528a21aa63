"""Objects in the archive: refused until restored, by version, at the tiers that their archive has."""

import pytest

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def vault(deploy):
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}}
    return deploy({"Vault": bucket}, {"Name": {"Ref": "Vault"}})["Name"]


@pytest.fixture
def store(aws, vault):
    """Put an object into a storage class, and return what names its version."""

    def put(key, storage_class, body=b"frames"):
        version = aws("s3").put_object(Bucket=vault, Key=key, Body=body, StorageClass=storage_class)["VersionId"]
        return {"Bucket": vault, "Key": key, "VersionId": version}

    return put


def restore(s3, which, *, tier="Standard"):
    request = {"Days": 1, "GlacierJobParameters": {"Tier": tier}}
    return s3.restore_object(**which, RestoreRequest=request)


def test_an_archived_object_cannot_be_read(aws, store):
    s3 = aws("s3")
    which = store("masters/refused.mov", "GLACIER")
    with pytest.raises(s3.exceptions.ClientError, match="InvalidObjectState"):
        s3.get_object(**which)
    head = s3.head_object(**which)
    assert head["StorageClass"] == "GLACIER"
    assert "Restore" not in head


@pytest.mark.parametrize("replaced", [False, True], ids=["current", "replaced since"])
@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_a_version_is_restored_by_its_id(aws, store, eventually, storage_class, replaced):
    s3 = aws("s3")
    key = f"masters/{storage_class}-{replaced}.mov"
    which = store(key, storage_class)
    if replaced:
        store(key, "STANDARD", b"others")
    assert restore(s3, which)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert s3.head_object(**which)["Restore"] == 'ongoing-request="true"'
    with pytest.raises(s3.exceptions.ClientError, match="InvalidObjectState"):
        s3.get_object(**which)
    with pytest.raises(s3.exceptions.ClientError, match="RestoreAlreadyInProgress"):
        restore(s3, which)
    eventually(lambda: 'ongoing-request="false", expiry-date=' in s3.head_object(**which)["Restore"])
    answer = s3.get_object(**which)
    assert answer["Body"].read() == b"frames"
    assert answer["StorageClass"] == storage_class
    if replaced:
        assert s3.get_object(Bucket=which["Bucket"], Key=key)["Body"].read() == b"others"


def test_deep_archive_has_no_expedited_tier(aws, store):
    s3 = aws("s3")
    with pytest.raises(s3.exceptions.ClientError, match="not supported by this storage class"):
        restore(s3, store("masters/deep.mov", "DEEP_ARCHIVE"), tier="Expedited")
    assert restore(s3, store("masters/flexible.mov", "GLACIER"), tier="Expedited")


def test_what_is_not_archived_is_not_restored(aws, store):
    s3 = aws("s3")
    with pytest.raises(s3.exceptions.ClientError, match="ObjectAlreadyInActiveTierError"):
        restore(s3, store("masters/warm.mov", "STANDARD"))
    gone = store("masters/warm.mov", "GLACIER") | {"VersionId": "nobody-knows-it"}
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchVersion"):
        restore(s3, gone)
