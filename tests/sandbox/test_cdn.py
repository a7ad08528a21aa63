"""CloudFront's declarations: keys, key value stores, functions, distributions."""

import json
import urllib.request
from urllib.parse import quote

import boto3
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.edge_deployment import read_deployment

pytestmark = pytest.mark.embedded

CODE = "import cf from 'cloudfront';\nasync function handler(event) { return event.request; }"


def _import(aws, code_bucket, name, data):
    aws("s3").put_object(Bucket=code_bucket, Key=name, Body=data)
    source = {"SourceType": "S3", "SourceArn": f"arn:aws:s3:::{code_bucket}/{name}"}
    return {"Type": "AWS::CloudFront::KeyValueStore", "Properties": {"Name": "edge", "ImportSource": source}}


def _store(cloud, arn, path="", *, method="GET", body=None, etag=None):
    # boto3's client needs awscrt's SigV4A and puts the account id before the host's name; the API needs neither.
    url = f"{cloud.endpoint}/key-value-stores/{quote(arn, safe='')}{path}"
    request = urllib.request.Request(url, data=body, method=method)  # noqa: S310
    request.add_header("Host", "cloudfront-kvs.global.api.aws")
    if etag:
        request.add_header("If-Match", etag)
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return answer.headers, json.load(answer)


def _values(cloud, arn):
    return {entry["Key"]: entry["Value"] for entry in _store(cloud, arn, "/keys")[1]["Items"]}


def test_a_key_value_store_is_filled_from_its_import_source(aws, cloud, deploy, code_bucket):
    first = json.dumps({"data": [{"key": "secret", "value": "s1"}, {"key": "kid", "value": "1"}]})
    store = _import(aws, code_bucket, "first.json", first)
    arn = deploy({"Store": store}, {"Arn": {"Fn::GetAtt": ["Store", "Arn"]}})["Arn"]
    assert _values(cloud, arn) == {"secret": "s1", "kid": "1"}

    etag = _store(cloud, arn)[0]["ETag"]
    _store(cloud, arn, "/keys/kid", method="PUT", body=b'{"Value": "2"}', etag=etag)
    assert _store(cloud, arn, "/keys/kid")[1]["Value"] == "2"

    second = json.dumps({"data": [{"key": "secret", "value": "s2"}]})
    deploy.update(deploy.stack, {"Store": _import(aws, code_bucket, "second.json", second)})
    assert _values(cloud, arn) == {"secret": "s2"}


@pytest.mark.parametrize(("name", "content"), [("bad.json", b'{"keys": []}'), ("text.json", b"hello")])
def test_an_import_that_is_not_one_fails_the_stack(aws, deploy, code_bucket, name, content):
    with pytest.raises(pytest.fail.Exception, match=name):
        deploy({"Store": _import(aws, code_bucket, name, content)})


def test_public_keys_and_key_groups(aws, deploy):
    def resources(comment):
        return {
            "Key": {
                "Type": "AWS::CloudFront::PublicKey",
                "Properties": {
                    "PublicKeyConfig": {
                        "CallerReference": "c",
                        "Name": "edge",
                        "EncodedKey": pem,
                        "Comment": comment,
                    }
                },
            },
            "Group": {
                "Type": "AWS::CloudFront::KeyGroup",
                "Properties": {"KeyGroupConfig": {"Name": "edge", "Items": [{"Ref": "Key"}]}},
            },
        }

    pem = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    outputs = deploy(resources("one"), {"Key": {"Ref": "Key"}, "Group": {"Ref": "Group"}})
    cloudfront = aws("cloudfront")
    group = cloudfront.get_key_group(Id=outputs["Group"])["KeyGroup"]["KeyGroupConfig"]
    assert group["Items"] == [outputs["Key"]]
    deploy.update(deploy.stack, resources("two"))
    key = cloudfront.get_public_key(Id=outputs["Key"])["PublicKey"]["PublicKeyConfig"]
    assert (key["EncodedKey"], key["Comment"]) == (pem, "two")
    deploy.delete(deploy.stack)
    with pytest.raises(cloudfront.exceptions.NoSuchPublicKey):
        cloudfront.get_public_key(Id=outputs["Key"])


def test_a_distribution_can_be_read_back_with_its_function(aws, deploy):
    behaviour = {
        "TargetOriginId": "media",
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "FunctionAssociations": [
            {"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["Check", "FunctionARN"]}}
        ],
    }
    outputs = deploy(
        {
            "Check": {
                "Type": "AWS::CloudFront::Function",
                "Properties": {
                    "Name": "check",
                    "AutoPublish": True,
                    "FunctionCode": CODE,
                    "FunctionConfig": {"Comment": "c", "Runtime": "cloudfront-js-2.0"},
                },
            },
            "Distribution": {
                "Type": "AWS::CloudFront::Distribution",
                "Properties": {
                    "DistributionConfig": {
                        "Enabled": True,
                        "DefaultCacheBehavior": behaviour,
                        "CacheBehaviors": [{**behaviour, "PathPattern": "/v/*"}],
                        "Origins": [
                            {
                                "Id": "media",
                                "DomainName": "media.s3.us-east-1.amazonaws.com",
                                "S3OriginConfig": {"OriginAccessIdentity": ""},
                            }
                        ],
                    }
                },
            },
        },
        {"Id": {"Ref": "Distribution"}, "Function": {"Fn::GetAtt": ["Check", "FunctionARN"]}},
    )
    cloudfront = aws("cloudfront")
    assert cloudfront.get_function(Name="check", Stage="LIVE")["FunctionCode"].read().decode() == CODE
    config = cloudfront.get_distribution_config(Id=outputs["Id"])["DistributionConfig"]
    assert config["Origins"]["Items"][0]["DomainName"] == "media.s3.us-east-1.amazonaws.com"
    (cached,) = config["CacheBehaviors"]["Items"]
    assert cached["PathPattern"] == "/v/*"
    assert cached["FunctionAssociations"]["Items"] == [
        {"FunctionARN": outputs["Function"], "EventType": "viewer-request"}
    ]


def test_what_an_origin_is_told_and_that_nothing_is_kept_is_read_back_from_a_template(cloud, deploy):
    policy = {
        "Name": "viewers",
        "MinTTL": 0,
        "DefaultTTL": 0,
        "MaxTTL": 1,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "CookiesConfig": {"CookieBehavior": "none"},
            "EnableAcceptEncodingGzip": False,
            "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": ["Authorization", "CloudFront-Viewer-Country"]},
            "QueryStringsConfig": {"QueryStringBehavior": "all"},
        },
    }
    origin = {
        "Id": "api",
        "DomainName": "abcd1234.execute-api.us-east-1.amazonaws.com",
        "CustomOriginConfig": {"OriginProtocolPolicy": "https-only"},
        "OriginCustomHeaders": [{"HeaderName": "x-marquee-origin", "HeaderValue": "the-token"}],
    }
    behaviour = {"TargetOriginId": "api", "ViewerProtocolPolicy": "https-only", "CachePolicyId": {"Ref": "Policy"}}
    config = {"Enabled": True, "Origins": [origin], "DefaultCacheBehavior": behaviour}
    outputs = deploy(
        {
            "Policy": {"Type": "AWS::CloudFront::CachePolicy", "Properties": {"CachePolicyConfig": policy}},
            "Edge": {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": config}},
        },
        {"Id": {"Ref": "Edge"}},
    )
    session = boto3.Session(aws_access_key_id="embedded", aws_secret_access_key="embedded", region_name="us-east-1")
    deployed = read_deployment(session=session, endpoint=cloud.endpoint, distribution_id=outputs["Id"])
    [found] = deployed.behaviours
    assert found.caching is None
    assert found.origin.told == (("x-marquee-origin", "the-token"),)
