"""Buckets declared in a template: settings, replication, events."""

import json
import os

import pytest

psutil = pytest.importorskip("psutil", reason="needs requirements-sandbox.txt: the embedded cloud")
pytestmark = pytest.mark.embedded

MIB = 1 << 20


def _bucket(**properties):
    return {
        "Type": "AWS::S3::Bucket",
        "Properties": {"VersioningConfiguration": {"Status": "Enabled"}, **properties},
    }


@pytest.fixture(scope="module")
def pair(deploy):
    """A source bucket that replicates what lies under ``masters/`` to another region's bucket."""
    copy = deploy({"Copy": _bucket()}, {"Name": {"Ref": "Copy"}}, region="us-west-2")["Name"]
    rule = {
        "Id": "all",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": "masters/"},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {
            "Bucket": f"arn:aws:s3:::{copy}",
            "StorageClass": "STANDARD_IA",
            "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
            "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
        },
    }
    configuration = {"Role": "arn:aws:iam::000000000000:role/replication", "Rules": [rule]}
    source = deploy({"Source": _bucket(ReplicationConfiguration=configuration)}, {"Name": {"Ref": "Source"}})["Name"]
    return source, copy


def test_a_put_is_replicated(aws, pair, eventually):
    source, copy = pair
    s3 = aws("s3")
    version = s3.put_object(Bucket=source, Key="masters/a.mov", Body=b"frames", Metadata={"studio": "x"})["VersionId"]
    replica = eventually(lambda: _get(s3, copy, "masters/a.mov"))
    assert replica["Body"].read() == b"frames"
    assert replica["ReplicationStatus"] == "REPLICA"
    assert replica["StorageClass"] == "STANDARD_IA"
    assert replica["Metadata"] == {"studio": "x"}
    assert s3.head_object(Bucket=source, Key="masters/a.mov", VersionId=version)["ReplicationStatus"] == "COMPLETED"


def test_a_replica_has_its_sources_version_and_age(aws, pair):
    source, copy = pair
    s3 = aws("s3")
    put = s3.put_object(Bucket=source, Key="masters/version.mov", Body=b"frames")
    ours = s3.head_object(Bucket=source, Key="masters/version.mov")
    theirs = s3.head_object(Bucket=copy, Key="masters/version.mov", VersionId=put["VersionId"])
    assert ours["VersionId"] == theirs["VersionId"] == put["VersionId"]
    assert ours["LastModified"] == theirs["LastModified"]
    s3.delete_object(Bucket=source, Key="masters/version.mov", VersionId=put["VersionId"])
    assert s3.get_object(Bucket=copy, Key="masters/version.mov")["Body"].read() == b"frames"


def test_a_replica_follows_the_tags_of_its_source(aws, pair):
    source, copy = pair
    s3 = aws("s3")
    version = s3.put_object(Bucket=source, Key="masters/tagged.mov", Body=b"x", Tagging="a=1")["VersionId"]
    replica = {"Bucket": copy, "Key": "masters/tagged.mov", "VersionId": version}
    assert s3.get_object_tagging(**replica)["TagSet"] == [{"Key": "a", "Value": "1"}]
    later = {"TagSet": [{"Key": "a", "Value": "2"}]}
    s3.put_object_tagging(Bucket=source, Key="masters/tagged.mov", VersionId=version, Tagging=later)
    assert s3.get_object_tagging(**replica)["TagSet"] == later["TagSet"]


def test_a_replica_has_the_key_of_its_own_region(aws, deploy):
    s3 = aws("s3")
    copy = deploy({"Copy": _bucket()}, {"Name": {"Ref": "Copy"}}, region="us-west-2")["Name"]
    rule = {
        "Id": "all",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {
            "Bucket": f"arn:aws:s3:::{copy}",
            "EncryptionConfiguration": {"ReplicaKmsKeyID": "arn:aws:kms:us-west-2:000000000000:alias/aws/s3"},
        },
    }
    configuration = {"Role": "arn:aws:iam::000000000000:role/replication", "Rules": [rule]}
    source = deploy({"Source": _bucket(ReplicationConfiguration=configuration)}, {"Name": {"Ref": "Source"}})["Name"]
    s3.put_object(Bucket=source, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    keys = {name: s3.head_object(Bucket=name, Key="k")["SSEKMSKeyId"] for name in (source, copy)}
    assert ":us-east-1:" in keys[source]
    assert ":us-west-2:" in keys[copy]


def test_multipart_uploads_and_copies_are_replicated(aws, pair, eventually):
    source, copy = pair
    s3 = aws("s3")
    upload = s3.create_multipart_upload(Bucket=source, Key="masters/big.mov")["UploadId"]
    target = {"Bucket": source, "Key": "masters/big.mov", "UploadId": upload}
    etag = s3.upload_part(**target, PartNumber=1, Body=b"part")["ETag"]
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    s3.copy_object(Bucket=source, Key="masters/again.mov", CopySource={"Bucket": source, "Key": "masters/big.mov"})
    for key in ("masters/big.mov", "masters/again.mov"):
        assert eventually(lambda key=key: _get(s3, copy, key))["Body"].read() == b"part"


def test_other_prefixes_and_delete_markers_are_not_replicated(aws, pair):
    source, copy = pair
    s3 = aws("s3")
    s3.put_object(Bucket=source, Key="scratch/a", Body=b"x")
    assert _get(s3, copy, "scratch/a") is None
    s3.put_object(Bucket=source, Key="masters/kept", Body=b"x")
    s3.delete_object(Bucket=source, Key="masters/kept")
    assert _get(s3, source, "masters/kept") is None
    assert _get(s3, copy, "masters/kept")["Body"].read() == b"x"


def _get(s3, bucket, key):
    try:
        return s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None


def test_a_destination_without_versions_fails_the_stack(aws, deploy):
    plain = deploy({"Plain": {"Type": "AWS::S3::Bucket"}}, {"Name": {"Ref": "Plain"}})["Name"]
    rule = {"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": f"arn:aws:s3:::{plain}"}}
    configuration = {"Role": "arn:aws:iam::000000000000:role/replication", "Rules": [rule]}
    with pytest.raises(pytest.fail.Exception, match="versioning enabled"):
        deploy({"Source": _bucket(ReplicationConfiguration=configuration)})


def test_settings_of_the_template_are_applied_and_taken_back(aws, deploy):
    rules = [
        {
            "Id": "tiers",
            "Status": "Enabled",
            "Prefix": "masters/",
            "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 30}],
            "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
        },
        {
            "Id": "scratch",
            "Status": "Enabled",
            "TagFilters": [{"Key": "kind", "Value": "scratch"}],
            "ExpirationInDays": 1,
        },
    ]
    encryption = {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}},
        "BucketKeyEnabled": True,
    }
    resources = {
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}}},
        "Logs": {"Type": "AWS::S3::Bucket"},
        "Bucket": _bucket(
            LifecycleConfiguration={"Rules": rules},
            BucketEncryption={"ServerSideEncryptionConfiguration": [encryption]},
            LoggingConfiguration={"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "access/"},
        ),
    }
    outputs = deploy(resources, {"Name": {"Ref": "Bucket"}, "Key": {"Fn::GetAtt": ["Key", "Arn"]}})
    s3, name = aws("s3"), outputs["Name"]

    applied = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]}
    assert applied["tiers"]["Transitions"] == [{"Days": 30, "StorageClass": "GLACIER"}]
    assert applied["tiers"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    assert applied["tiers"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert applied["scratch"]["Expiration"]["Days"] == 1
    assert s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]["TargetPrefix"] == "access/"
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    stored = s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert stored["ServerSideEncryption"] == "aws:kms"
    assert stored["SSEKMSKeyId"] == outputs["Key"]

    deploy.update(deploy.stack, {**resources, "Bucket": _bucket()})
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=name)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=name)
    assert s3.put_object(Bucket=name, Key="k", Body=b"x").get("ServerSideEncryption") != "aws:kms"


def test_the_managed_key_can_be_asked_for_by_no_name(aws, deploy):
    name = deploy({"Bucket": _bucket()}, {"Name": {"Ref": "Bucket"}})["Name"]
    stored = aws("s3").put_object(Bucket=name, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    assert stored["SSEKMSKeyId"].endswith("alias/aws/s3")


def test_uploads_are_events_that_name_the_version(aws, deploy, eventually, received):
    outputs = deploy(
        {
            "Bucket": _bucket(NotificationConfiguration={"EventBridgeConfiguration": {"EventBridgeEnabled": True}}),
            "Seen": {"Type": "AWS::SQS::Queue"},
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": {
                        "source": ["aws.s3"],
                        "detail-type": ["Object Created"],
                        "detail": {
                            "bucket": {"name": [{"Ref": "Bucket"}]},
                            "object": {"key": [{"suffix": "manifest.json"}]},
                        },
                    },
                    "Targets": [{"Id": "seen", "Arn": {"Fn::GetAtt": ["Seen", "Arn"]}}],
                },
            },
        },
        {"Bucket": {"Ref": "Bucket"}, "Seen": {"Ref": "Seen"}},
    )
    s3 = aws("s3")
    s3.put_object(Bucket=outputs["Bucket"], Key="s/film.mov", Body=b"x")
    version = s3.put_object(Bucket=outputs["Bucket"], Key="s/manifest.json", Body=b"{}")["VersionId"]
    (event,) = eventually(lambda: received(outputs["Seen"]))
    assert event["detail"]["object"]["key"] == "s/manifest.json"
    assert event["detail"]["object"]["version-id"] == version
    assert json.loads(json.dumps(event))["detail"]["reason"] == "PutObject"


def test_a_bucket_that_is_made_again_has_no_past(aws, deploy):
    s3 = aws("s3")
    deploy({"Bucket": _bucket(BucketName="comes-back")})
    s3.put_object(Bucket="comes-back", Key="old", Body=b"x")
    deploy.delete(deploy.stack)
    deploy({"Bucket": _bucket(BucketName="comes-back")})
    assert "Versions" not in s3.list_object_versions(Bucket="comes-back")


def test_a_range_of_a_version_is_that_range(aws, deploy):
    bucket = deploy({"Film": _bucket()}, {"Name": {"Ref": "Film"}})["Name"]
    s3 = aws("s3")
    first = s3.put_object(Bucket=bucket, Key="film.mov", Body=b"0123456789")["VersionId"]
    s3.put_object(Bucket=bucket, Key="film.mov", Body=b"another")
    answer = s3.get_object(Bucket=bucket, Key="film.mov", VersionId=first, Range="bytes=2-4")
    assert (answer["Body"].read(), answer["ContentRange"]) == (b"234", "bytes 2-4/10")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    with pytest.raises(s3.exceptions.ClientError, match="InvalidRange"):
        s3.get_object(Bucket=bucket, Key="film.mov", VersionId=first, Range="bytes=10-")


def test_what_objects_hold_is_on_the_disk(aws, cloud, deploy):
    bucket = deploy({"Bucket": _bucket()}, {"Name": {"Ref": "Bucket"}})["Name"]
    server = psutil.Process(json.loads((cloud.work_dir / "cloud.json").read_text())["pid"])

    def anonymous():
        found = server.memory_info()
        return found.rss - found.shared

    bodies = {f"{number}.mp4": os.urandom(2 * MIB + number) for number in range(40)}
    before = anonymous()
    for key, body in bodies.items():
        aws("s3").put_object(Bucket=bucket, Key=key, Body=body)
    aws("s3").copy_object(Bucket=bucket, Key="copy.mp4", CopySource=f"{bucket}/3.mp4")
    assert anonymous() - before < 20 * MIB
    for key, body in (*bodies.items(), ("copy.mp4", bodies["3.mp4"])):
        found = aws("s3").get_object(Bucket=bucket, Key=key)
        assert (found["Body"].read(), found["ContentLength"]) == (body, len(body))
    part = aws("s3").get_object(Bucket=bucket, Key="7.mp4", Range="bytes=5-9")
    assert part["Body"].read() == bodies["7.mp4"][5:10]
