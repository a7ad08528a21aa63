import json
import re
from dataclasses import replace

from pydantic.alias_generators import to_pascal

from lambdas.playback.pathways import Pathway
from lambdas.playback.signals import ORIGIN_HEADER
from stacks.constructs.service_function import REPOSITORY
from stacks.declared import Declared
from stacks.delivery import VIEWER_HEADERS
from stacks.synthesis import synthesise

STEERING = "/api/playback/steering"
NOT_CACHED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""AWS's managed policy CachingDisabled."""


def distribution(declared):
    return declared.only("AWS::CloudFront::Distribution")


def behaviours(declared):
    config = distribution(declared)["DistributionConfig"]
    return {"*": config["DefaultCacheBehavior"]} | {found["PathPattern"]: found for found in config["CacheBehaviors"]}


def origins(declared):
    found = distribution(declared)
    return {
        origin["Id"]: (origin, found.text(origin["DomainName"])) for origin in found["DistributionConfig"]["Origins"]
    }


def test_it_speaks_http_2_and_3_and_logs(declared):
    config = distribution(declared)["DistributionConfig"]
    assert config["HttpVersion"] == "http2and3"
    assert distribution(declared).text(config["Logging"]["Bucket"]) == "<storage/AccessLogs.RegionalDomainName>"


def test_each_path_has_its_origin(declared):
    found = origins(declared)
    hosts = {path: found[behaviour["TargetOriginId"]][1] for path, behaviour in behaviours(declared).items()}
    media = declared.at("storage/Media")
    web = declared.at("storage/Web")
    region = declared.settings.primary_region
    assert hosts == {
        "*": f"{web.text(web['BucketName'])}.s3.{region}.amazonaws.com",
        STEERING: f"<playback/Api/HttpApi>.execute-api.{region}.amazonaws.com",
        "/api/ingest/*": f"<ingestion/StudiosHttp/HttpApi>.execute-api.{region}.amazonaws.com",
        "/api/*": f"<playback/Api/HttpApi>.execute-api.{region}.amazonaws.com",
        "/media/*": f"{media.text(media['BucketName'])}.s3.{region}.amazonaws.com",
        "/art/*": f"{media.text(media['BucketName'])}.s3.{region}.amazonaws.com",
    }


def test_buckets_are_read_under_origin_access_control(declared):
    for control in declared.of("AWS::CloudFront::OriginAccessControl"):
        config = control["OriginAccessControlConfig"]
        assert (config["SigningBehavior"], config["SigningProtocol"]) == ("always", "sigv4")
    for origin, host in origins(declared).values():
        if ".s3." in host:
            assert "OriginAccessControl" in distribution(declared).text(origin["OriginAccessControlId"])
        else:
            assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
            assert origin["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]


def test_tokens_are_checked_on_the_media_and_nowhere_else(declared):
    associated = {
        path: [
            (function["EventType"], distribution(declared).text(function["FunctionARN"]))
            for function in behaviour.get("FunctionAssociations", ())
        ]
        for path, behaviour in behaviours(declared).items()
    }
    assert associated.pop("/media/*") == [("viewer-request", "<delivery/ViewerRequest.FunctionARN>")]
    assert set(map(tuple, associated.values())) == {()}


def test_the_token_function_runs_as_it_is_in_the_repository(declared):
    function = declared.only("AWS::CloudFront::Function")
    assert function["FunctionCode"] == (REPOSITORY / "edge" / "viewer-request.js").read_text()
    assert function["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"
    [store] = function["FunctionConfig"]["KeyValueStoreAssociations"]
    assert function.text(store["KeyValueStoreARN"]) == "<delivery/EdgeKeyStore.Arn>"
    assert function["AutoPublish"] is True


def test_the_edge_keys_are_published_before_the_store_imports_them(declared):
    store = declared.only("AWS::CloudFront::KeyValueStore")
    published = declared.only("Custom::EdgeKeys")
    assert published.logical_id in store.body["DependsOn"]
    assert store.text(store["ImportSource"]["SourceArn"]).endswith(f"/{published['Key']}")


def test_answers_of_the_api_are_never_cached_but_for_the_one_that_is_everybodys(declared):
    for path, behaviour in behaviours(declared).items():
        if path.startswith("/api/") and path != STEERING:
            if path == "/api/*":
                config = declared.at("delivery/Viewers")["CachePolicyConfig"]
                assert (config["MinTTL"], config["DefaultTTL"]) == (0, 0)
                kept_by = config["ParametersInCacheKeyAndForwardedToOrigin"]["HeadersConfig"]["Headers"]
                assert "Authorization" in kept_by
            else:
                assert behaviour["CachePolicyId"] == NOT_CACHED
            assert {"POST", "DELETE"} <= set(behaviour["AllowedMethods"])
        else:
            assert behaviour["CachePolicyId"] != NOT_CACHED
            assert set(behaviour.get("AllowedMethods", ["GET", "HEAD"])) == {"GET", "HEAD"}


def test_the_steering_manifest_is_kept_for_everybody_and_nothing_of_who_asks_reaches_the_origin(declared):
    patterns = [path for path in behaviours(declared) if path != "*"]
    assert patterns.index(STEERING) < patterns.index("/api/*")
    behaviour, told = behaviours(declared)[STEERING], distribution(declared).text
    assert told(behaviour["CachePolicyId"]) == "<delivery/Steering>"
    kept = declared.at("delivery/Steering")["CachePolicyConfig"]
    assert (kept["MinTTL"], kept["DefaultTTL"], kept["MaxTTL"]) == (0, 10, 10)
    by = kept["ParametersInCacheKeyAndForwardedToOrigin"]
    assert by["QueryStringsConfig"]["QueryStringBehavior"] == "none"
    assert by["HeadersConfig"]["HeaderBehavior"] == by["CookiesConfig"]["CookieBehavior"] == "none"
    assert "OriginRequestPolicyId" not in behaviour


def test_nothing_is_served_in_the_clear(declared):
    for path, behaviour in behaviours(declared).items():
        assert behaviour["ViewerProtocolPolicy"] == ("redirect-to-https" if path == "*" else "https-only")


def test_every_answer_carries_the_policy_that_the_page_is_written_for(declared):
    policy = declared.only("AWS::CloudFront::ResponseHeadersPolicy")
    for behaviour in behaviours(declared).values():
        assert distribution(declared).text(behaviour["ResponseHeadersPolicyId"]) == f"<{policy.path}>"
    written = json.loads((REPOSITORY / "player" / "deployment.json").read_text())["content_security_policy"]
    headers = policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    assert {
        "ContentSecurityPolicy": policy_text(declared),
        "Override": headers["ContentSecurityPolicy"]["Override"],
    } == {
        "ContentSecurityPolicy": written.format(
            region=declared.settings.primary_region, sign_in_domain=sign_in_domain(declared), pathways=""
        ),
        "Override": True,
    }
    assert headers["FrameOptions"]["FrameOption"] == "DENY"
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 365 * 24 * 3600


def test_a_further_pathway_is_told_to_who_names_it_and_the_page_may_load_from_it(sandbox, tmp_path):
    further = Pathway(id="isp-1", base_url="https://cache.isp.example:8443/", rank=-1)
    delivery = replace(sandbox.settings.delivery, further_pathways=(further,))
    declared = Declared(synthesise(replace(sandbox.settings, delivery=delivery), tmp_path))
    for name in ("CreateSession", "GetManifest", "Steer"):
        variables = declared.at(f"playback/{name}")["Environment"]["Variables"]
        assert json.loads(variables["PATHWAYS"]) == {"further": [further.model_dump()]}
    [without], [with_one] = (re.findall(r"connect-src ([^;]*);", policy_text(each)) for each in (sandbox, declared))
    assert with_one == f"{without} https://cache.isp.example:8443"


def policy_text(declared):
    """The page's content-security policy."""
    policy = declared.only("AWS::CloudFront::ResponseHeadersPolicy")
    headers = policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    return policy.text(headers["ContentSecurityPolicy"]["ContentSecurityPolicy"])


def sign_in_domain(declared):
    domain = declared.only("AWS::Cognito::UserPoolDomain")
    return f"{domain.text(domain['Domain'])}.auth.{declared.settings.primary_region}.amazoncognito.com"


def _pascal(parts):
    return {name[0].upper() + name[1:]: value for name, value in parts.items()}


def test_the_page_is_told_to_the_sign_in_whenever_the_client_changes(declared):
    told = declared.only("Custom::SignIn")
    assert told.text(told["Address"]) == f"https://<{distribution(declared).path}.DomainName>/"
    assert told.text(told["ClientId"]) == "<playback/SignIn/Page>"
    assert told.text(told["UserPoolId"]) == "<playback/Viewers>"
    client = declared.at("playback/SignIn/Page").properties
    stated = {to_pascal(name): value for name, value in json.loads(told["Declared"]).items()}
    assert stated.keys() == client.keys() - {"UserPoolId"}
    for name, value in stated.items():
        assert client[name] in (value, isinstance(value, dict) and _pascal(value)), name


def test_the_page_is_told_by_a_function_that_may_change_clients_of_the_viewers_pool_only(declared):
    role = declared.at("delivery/AdmitPageRole")
    may = [
        found for found in declared.granted(role) if any(action.startswith("cognito-idp:") for action in found.actions)
    ]
    [statement] = may
    assert statement.actions == {"cognito-idp:DescribeUserPoolClient", "cognito-idp:UpdateUserPoolClient"}
    assert set(statement.resources) == {"<playback/Viewers.Arn>"}


def test_a_web_acl_stands_before_it_where_it_is_paid_for(sandbox, complete):
    assert not sandbox.of("AWS::WAFv2::WebACL")
    assert "WebACLId" not in distribution(sandbox)["DistributionConfig"]
    acl = complete.only("AWS::WAFv2::WebACL")
    found = distribution(complete)
    assert found.text(found["DistributionConfig"]["WebACLId"]) == f"<{acl.path}.Arn>"
    assert acl["Scope"] == "CLOUDFRONT"
    managed = {rule["Name"] for rule in acl["Rules"] if "ManagedRuleGroupStatement" in rule["Statement"]}
    assert {"AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"} <= managed
    [limit] = [rule for rule in acl["Rules"] if "RateBasedStatement" in rule["Statement"]]
    assert limit["Action"] == {"Block": {}}


def test_the_web_acl_logs_what_its_rules_match_and_no_token(complete):
    logging = complete.only("AWS::WAFv2::LoggingConfiguration")
    assert logging["LoggingFilter"]["DefaultBehavior"] == "DROP"
    [kept] = logging["LoggingFilter"]["Filters"]
    assert (kept["Behavior"], kept["Requirement"]) == ("KEEP", "MEETS_ANY")
    actions = {condition["ActionCondition"]["Action"] for condition in kept["Conditions"]}
    assert actions == {"BLOCK", "COUNT", "EXCLUDED_AS_COUNT"}
    assert logging["RedactedFields"] == [{"SingleHeader": {"Name": "authorization"}}]


def test_the_edge_stands_where_cloudfront_wants_it(declared):
    assert declared.synthesis.stacks["delivery"].region == "us-east-1"


def test_paths_that_people_type_hold_the_page(declared):
    written = json.loads((REPOSITORY / "player" / "deployment.json").read_text())
    deployments = {found.path.split("/")[2]: found for found in declared.of("Custom::CDKBucketDeployment")}
    assert deployments["Paths"]["SystemMetadata"]["content-type"] == "text/html; charset=utf-8"
    assert deployments["Paths"]["Prune"] is False
    assert set(written["paths"]) <= set(deployments["Page"]["Exclude"]), "the page's own upload would remove them"


def test_the_viewers_api_is_told_where_a_request_is_from_by_cloudfront_alone(declared):
    config = declared.at("delivery/Viewers")["CachePolicyConfig"]
    told = config["ParametersInCacheKeyAndForwardedToOrigin"]["HeadersConfig"]["Headers"]
    assert {name for name in told if name.startswith("CloudFront-")} == set(VIEWER_HEADERS)
    found, paths = origins(declared), behaviours(declared)
    said = {path: found[paths[path]["TargetOriginId"]][0].get("OriginCustomHeaders", []) for path in paths}
    [header] = said.pop("/api/*")
    assert header["HeaderName"] == ORIGIN_HEADER
    token = distribution(declared).text(header["HeaderValue"])
    assert token == f"<{declared.only('Custom::EdgeKeys').path}.OriginToken>"
    assert not any(said.values()), "nobody else is to know it"
