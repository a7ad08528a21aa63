"""Multipart uploads with a full-object checksum: what S3 refuses, and what it keeps of a large object."""

import base64
import struct
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

checksums = pytest.importorskip("awscrt.checksums", reason="needs requirements-sandbox.txt: the embedded cloud")
pytestmark = pytest.mark.embedded

MIB = 1024**2


def crc(data):
    return base64.b64encode(struct.pack(">Q", checksums.crc64nvme(data))).decode()


@pytest.fixture(scope="module")
def bucket(deploy):
    """A versioned bucket that replicates into another region."""
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    copy = deploy(
        {"Copy": {"Type": "AWS::S3::Bucket", "Properties": versioned}}, {"Name": {"Ref": "Copy"}}, region="us-west-2"
    )["Name"]
    rule = {
        "Id": "all",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{copy}"},
    }
    replication = {"Role": "arn:aws:iam::000000000000:role/replication", "Rules": [rule]}
    properties = {**versioned, "ReplicationConfiguration": replication}
    source = {"Source": {"Type": "AWS::S3::Bucket", "Properties": properties}}
    return deploy(source, {"Name": {"Ref": "Source"}})["Name"], copy


class Upload:
    def __init__(self, s3, bucket, *, kind="FULL_OBJECT", algorithm="CRC64NVME"):
        self.s3 = s3
        self.target = {"Bucket": bucket, "Key": f"{uuid4().hex}.mov"}
        created = s3.create_multipart_upload(**self.target, ChecksumAlgorithm=algorithm, ChecksumType=kind)
        assert created["ChecksumType"] == kind
        self.target["UploadId"] = created["UploadId"]
        self.parts = {}

    def put(self, number, data, *, checksum=None):
        sent = checksum or crc(data)
        answer = self.s3.upload_part(**self.target, PartNumber=number, Body=data, ChecksumCRC64NVME=sent)
        self.parts[number] = {"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC64NVME": crc(data)}

    def complete(self, *, numbers=None, **options):
        parts = [self.parts[number] for number in numbers or sorted(self.parts)]
        return self.s3.complete_multipart_upload(**self.target, MultipartUpload={"Parts": parts}, **options)


def code(caught):
    return caught.value.response["Error"]["Code"]


@pytest.fixture
def upload(aws, bucket):
    return Upload(aws("s3"), bucket[0])


def test_an_object_has_the_checksum_of_its_bytes_however_it_was_cut(aws, bucket, upload, eventually):
    first, second = bytes(range(256)) * 20480, b"the end"
    upload.put(2, second)
    upload.put(1, first)
    done = upload.complete(ChecksumCRC64NVME=crc(first + second), ChecksumType="FULL_OBJECT")
    assert done["ChecksumType"] == "FULL_OBJECT"
    assert done["ChecksumCRC64NVME"] == crc(first + second)
    for name in bucket:
        target = {"Bucket": name, "Key": upload.target["Key"]}
        assert eventually(lambda target=target: aws("s3").get_object(**target))["Body"].read() == first + second
    head = aws("s3").head_object(Bucket=bucket[0], Key=upload.target["Key"], ChecksumMode="ENABLED")
    assert head["ChecksumCRC64NVME"] == crc(first + second)
    assert head["VersionId"] == done["VersionId"]


def test_a_part_that_is_not_what_its_checksum_says_is_refused_and_not_kept(upload):
    with pytest.raises(ClientError) as caught:
        upload.put(1, b"damaged", checksum=crc(b"sent"))
    assert code(caught) == "BadDigest"
    assert "Parts" not in upload.s3.list_parts(**upload.target)


def test_a_whole_that_is_not_what_its_checksum_says_is_refused_and_can_be_mended(upload):
    upload.put(1, b"one thing")
    with pytest.raises(ClientError) as caught:
        upload.complete(ChecksumCRC64NVME=crc(b"another"), ChecksumType="FULL_OBJECT")
    assert code(caught) == "BadDigest"
    upload.put(1, b"another")
    upload.complete(ChecksumCRC64NVME=crc(b"another"), ChecksumType="FULL_OBJECT")


def test_a_whole_of_another_size_is_refused(upload):
    upload.put(1, b"one thing")
    with pytest.raises(ClientError) as caught:
        upload.complete(MpuObjectSize=4)
    assert code(caught) == "InvalidRequest"


def test_only_the_last_part_may_be_small(upload):
    upload.put(1, b"small")
    upload.put(2, b"small")
    with pytest.raises(ClientError) as caught:
        upload.complete()
    assert code(caught) == "EntityTooSmall"


def test_parts_are_named_in_their_order(upload):
    upload.put(1, bytes(5 * MIB))
    upload.put(2, b"end")
    with pytest.raises(ClientError) as caught:
        upload.complete(numbers=[2, 1])
    assert code(caught) == "InvalidPartOrder"


def test_a_part_that_was_replaced_is_not_completed_by_its_old_name(upload):
    upload.put(1, b"old")
    old = dict(upload.parts)
    upload.put(1, b"new")
    upload.parts = old
    with pytest.raises(ClientError) as caught:
        upload.complete()
    assert code(caught) == "InvalidPart"


def test_a_full_object_checksum_needs_an_algorithm_that_can_be_combined(aws, bucket):
    with pytest.raises(ClientError) as caught:
        Upload(aws("s3"), bucket[0], algorithm="SHA256")
    assert code(caught) == "InvalidRequest"


def test_completing_twice_gives_the_same_version(upload):
    upload.put(1, b"once")
    assert upload.complete()["VersionId"] == upload.complete()["VersionId"]


def test_an_aborted_upload_leaves_nothing_on_the_disk(cloud, upload):
    upload.put(1, b"never mind")
    folder = cloud.work_dir / "state" / "multipart" / upload.target["UploadId"]
    assert folder.exists()
    upload.s3.abort_multipart_upload(**upload.target)
    assert not folder.exists()
    with pytest.raises(ClientError) as caught:
        upload.put(1, b"after all")
    assert code(caught) == "NoSuchUpload"


def test_a_large_object_is_read_whole_and_in_ranges(aws, bucket, upload):
    block = b"x" * MIB
    parts = [bytes(7 * MIB) + block, block * 8, b"end"]
    for number, part in enumerate(parts, start=1):
        upload.put(number, part)
    upload.complete(ChecksumCRC64NVME=crc(b"".join(parts)), ChecksumType="FULL_OBJECT")
    target = {"Bucket": bucket[0], "Key": upload.target["Key"]}
    whole = aws("s3").get_object(**target)
    assert whole["ContentLength"] == 16 * MIB + 3
    assert whole["Body"].read() == b"".join(parts)
    edge = 7 * MIB
    ranged = aws("s3").get_object(**target, Range=f"bytes={edge - 2}-{edge + 1}")
    assert ranged["Body"].read() == b"\0\0xx"
    version = upload.s3.head_object(**target)["VersionId"]
    assert aws("s3").get_object(**target, VersionId=version)["Body"].read() == b"".join(parts)
