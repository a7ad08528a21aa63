import hashlib
import json

from tests.encoder.studio import RAW, WORK

REPORT = f"s3://{WORK}/restores/r1/fixity/0000.json"


def read(studio, key, *options):
    code = studio.run("checksum", "--object", f"s3://{RAW}/{key}", *options, "--report", REPORT)
    if code:
        return code
    return json.loads(studio.s3.get_object(Bucket=WORK, Key="restores/r1/fixity/0000.json")["Body"].read())


def test_every_byte_is_read(studio):
    body = bytes(range(256)) * 20_000
    studio.s3.put_object(Bucket=RAW, Key="large.bin", Body=body)
    found = read(studio, "large.bin")
    assert (found["size_bytes"], found["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    assert found["ref"]["key"] == "large.bin"


def test_an_empty_object_is_read_too(studio):
    studio.s3.put_object(Bucket=RAW, Key="empty", Body=b"")
    assert read(studio, "empty")["sha256"] == hashlib.sha256(b"").hexdigest()


def test_what_is_gone_or_still_archived_is_permanent(studio):
    assert read(studio, "nobody-sent-it") == 65
    studio.s3.put_object(Bucket=RAW, Key="cold.bin", Body=b"x", StorageClass="GLACIER")
    assert read(studio, "cold.bin") == 65


def test_a_version_is_read_by_its_id(studio):
    studio.s3.create_bucket(Bucket="versioned")
    studio.s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    first = studio.s3.put_object(Bucket="versioned", Key="k", Body=b"first")["VersionId"]
    studio.s3.put_object(Bucket="versioned", Key="k", Body=b"second")
    which = ("--object", "s3://versioned/k", "--object-version", first)
    assert studio.run("checksum", *which, "--report", REPORT) == 0
    found = json.loads(studio.s3.get_object(Bucket=WORK, Key="restores/r1/fixity/0000.json")["Body"].read())
    assert found["size_bytes"] == 5
    assert found["ref"]["version_id"] == first
