"""CDK's custom resources, and the project's own."""

import json

import pytest

pytestmark = pytest.mark.embedded


def _deployment(**properties):
    # The token names CDK's function; it is not called.
    token = "arn:aws:lambda:us-east-1:000000000000:function:none"
    return {"Type": "Custom::CDKBucketDeployment", "Properties": {"ServiceToken": token, **properties}}


@pytest.fixture(scope="module")
def site(aws):
    aws("s3").create_bucket(Bucket="test-site")
    return "test-site"


def _keys(aws, bucket):
    return {entry["Key"] for entry in aws("s3").list_objects_v2(Bucket=bucket).get("Contents", [])}


def test_a_site_is_unpacked_filled_in_and_pruned(aws, deploy, site, code_bucket, upload_zip):
    s3 = aws("s3")
    s3.put_object(Bucket=site, Key="app/stale.js", Body=b"old")
    s3.put_object(Bucket=site, Key="else/kept.js", Body=b"other prefix")
    pages = upload_zip({"index.html": "<html>", "js/player.js": "1", "stream/a.m3u8": "#EXTM3U", "skip.map": "x"})

    def resources(sources, markers):
        return {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Site": _deployment(
                SourceBucketNames=[code_bucket] * len(sources),
                SourceObjectKeys=sources,
                SourceMarkers=markers,
                SourceMarkersConfig=[{}, {"jsonEscape": "true"}][: len(sources)],
                DestinationBucketName=site,
                DestinationBucketKeyPrefix="app",
                SystemMetadata={"cache-control": "max-age=60"},
                UserMetadata={"release": "7"},
                Exclude=["*.map"],
                Prune=True,
                RetainOnDelete=False,
            ),
        }

    markers = [{}, {"<<marker:0xbaba:0>>": {"Ref": "Topic"}, "<<marker:0xbaba:1>>": 'say "hi"'}]
    # With jsonEscape the value stands inside a string of the document.
    config = upload_zip({"config.json": '{"api":"<<marker:0xbaba:0>>","path":"<<marker:0xbaba:1>>"}'})
    deploy(resources([pages, config], markers))
    first = deploy.stack

    assert _keys(aws, site) == {
        "app/index.html",
        "app/js/player.js",
        "app/stream/a.m3u8",
        "app/config.json",
        "else/kept.js",
    }
    content = json.loads(s3.get_object(Bucket=site, Key="app/config.json")["Body"].read())
    assert content["api"].startswith("arn:aws:sns:us-east-1:")
    assert content["path"] == 'say "hi"'
    page = s3.head_object(Bucket=site, Key="app/index.html")
    assert (page["ContentType"], page["CacheControl"], page["Metadata"]) == (
        "text/html",
        "max-age=60",
        {"release": "7"},
    )
    assert s3.head_object(Bucket=site, Key="app/js/player.js")["ContentType"] == "text/javascript"
    assert s3.head_object(Bucket=site, Key="app/stream/a.m3u8")["ContentType"] == "application/vnd.apple.mpegurl"

    deploy.update(first, resources([upload_zip({"index.html": "<html>2"})], [{}]))
    assert _keys(aws, site) == {"app/index.html", "else/kept.js"}
    deploy.delete(first)
    assert _keys(aws, site) == {"else/kept.js"}


def test_a_deployment_without_its_source_fails_the_stack(deploy, site, code_bucket):
    with pytest.raises(pytest.fail.Exception, match="does not exist"):
        deploy(
            {
                "Site": _deployment(
                    SourceBucketNames=[code_bucket], SourceObjectKeys=["none.zip"], DestinationBucketName=site
                )
            }
        )


def test_objects_and_versions_go_with_their_bucket(aws, deploy):
    token = {"ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:none"}
    tags = [{"Key": "aws-cdk:auto-delete-objects", "Value": "true"}]
    versions = {"Status": "Enabled"}

    def resources(bucket):
        return {
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "DeletionPolicy": "Retain",
                "Properties": {"BucketName": bucket, "Tags": tags, "VersioningConfiguration": versions},
            },
            "Empty": {"Type": "Custom::S3AutoDeleteObjects", "Properties": {**token, "BucketName": {"Ref": "Bucket"}}},
        }

    s3 = aws("s3")
    deploy(resources("to-be-emptied"))
    for body in (b"1", b"2"):
        s3.put_object(Bucket="to-be-emptied", Key="k", Body=body)
    deploy.delete(deploy.stack)
    listed = s3.list_object_versions(Bucket="to-be-emptied")
    assert "Versions" not in listed


def test_without_cdks_consent_nothing_is_emptied(aws, deploy):
    aws("s3").create_bucket(Bucket="not-asked")
    aws("s3").put_object(Bucket="not-asked", Key="k", Body=b"x")
    properties = {"ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:none", "BucketName": "not-asked"}
    deploy({"Empty": {"Type": "Custom::S3AutoDeleteObjects", "Properties": properties}})
    deploy.delete(deploy.stack)
    assert _keys(aws, "not-asked") == {"k"}


_ANSWERING = """
import json, urllib.request

def handler(event, context):
    failed = event["ResourceProperties"].get("Fail") == "yes"
    answer = {
        "Status": "FAILED" if failed else "SUCCESS",
        "Reason": "asked to fail",
        "PhysicalResourceId": "thing-" + event["ResourceProperties"]["Name"],
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Said": event["RequestType"] + " " + event["ResourceProperties"]["Name"]},
    }
    request = urllib.request.Request(event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request).close()
"""


def test_a_python_function_answers_for_a_resource(deploy, function):
    thing = {
        "Type": "Custom::Thing",
        "Properties": {"ServiceToken": {"Fn::GetAtt": ["F", "Arn"]}, "Name": "a"},
    }
    outputs = deploy(
        {"F": function(_ANSWERING), "Thing": thing},
        {"Said": {"Fn::GetAtt": ["Thing", "Said"]}, "Id": {"Ref": "Thing"}},
    )
    assert outputs == {"Said": "Create a", "Id": "thing-a"}


def test_its_failure_is_the_stacks(deploy, function):
    thing = {
        "Type": "Custom::Thing",
        "Properties": {"ServiceToken": {"Fn::GetAtt": ["F", "Arn"]}, "Name": "a", "Fail": "yes"},
    }
    with pytest.raises(pytest.fail.Exception, match="asked to fail"):
        deploy({"F": function(_ANSWERING), "Thing": thing})
