"""The studios' API: who is let in, through which door, and what each of its functions can do."""

import pytest

from lambdas.ingestion.parts import MIB, MIN_PART_BYTES

UPLOADS = "/api/ingest/uploads"
ROUTES = {
    f"POST {UPLOADS}": "CreateUpload",
    f"GET {UPLOADS}": "FindUploads",
    f"POST {UPLOADS}/{{upload_id}}/parts": "PresignParts",
    f"GET {UPLOADS}/{{upload_id}}/parts": "ListParts",
    f"POST {UPLOADS}/{{upload_id}}/complete": "CompleteUpload",
    f"DELETE {UPLOADS}/{{upload_id}}": "AbortUpload",
}
SEND = {"s3:PutObject"}
READ = {"s3:GetObject", "s3:ListBucket"}
LIST_PARTS = {"s3:ListMultipartUploadParts"}
ALLOWED = {
    "CreateUpload": SEND,
    "FindUploads": READ | {"s3:ListBucketMultipartUploads"},
    "PresignParts": SEND,
    "ListParts": LIST_PARTS,
    "CompleteUpload": SEND | LIST_PARTS | READ,
    "AbortUpload": {"s3:AbortMultipartUpload"},
}


def routes_of(declared):
    integrations = {
        f"integrations/<{found.path}>": found.text(found["IntegrationUri"])
        for found in declared.of("AWS::ApiGatewayV2::Integration", stack="ingestion")
    }
    return {
        route["RouteKey"]: integrations[route.text(route["Target"])]
        for route in declared.of("AWS::ApiGatewayV2::Route", stack="ingestion")
    }


def test_a_studio_of_the_settings_has_its_group(declared):
    groups = declared.of("AWS::Cognito::UserPoolGroup", stack="ingestion")
    assert {group["GroupName"] for group in groups} == {studio.name for studio in declared.settings.ingestion.studios}
    [pool] = {group.text(group["UserPoolId"]) for group in groups}
    assert pool.startswith("<ingestion/")


def test_every_route_of_the_upload_api_reaches_its_function(declared):
    assert (
        ROUTES.items()
        <= {
            key: function.removeprefix("<ingestion/").removesuffix(".Arn>")
            for key, function in routes_of(declared).items()
        }.items()
    )


def test_every_route_is_below_the_path_that_the_edge_hands_on(declared):
    assert all(key.split()[1].startswith("/api/ingest/") for key in routes_of(declared))


def test_no_route_answers_without_a_signed_in_studio(declared):
    authorizer = declared.only("AWS::ApiGatewayV2::Authorizer", stack="ingestion")
    for route in declared.of("AWS::ApiGatewayV2::Route", stack="ingestion"):
        assert route["AuthorizationType"] == "JWT"
        assert route.text(route["AuthorizerId"]) == f"<{authorizer.path}>"
    pool = declared.only("AWS::Cognito::UserPool", stack="ingestion")
    client = declared.only("AWS::Cognito::UserPoolClient", stack="ingestion")
    jwt = authorizer["JwtConfiguration"]
    assert [authorizer.text(audience) for audience in jwt["Audience"]] == [f"<{client.path}>"]
    assert authorizer.text(jwt["Issuer"]).endswith(f".amazonaws.com/<{pool.path}>")


def test_studios_are_made_by_operators_and_cannot_be_enumerated(declared):
    pool = declared.only("AWS::Cognito::UserPool", stack="ingestion")
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    client = declared.only("AWS::Cognito::UserPoolClient", stack="ingestion")
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert not client.properties.get("GenerateSecret"), "a page and a command cannot keep a secret"


def test_production_asks_studios_for_a_second_factor(production, sandbox):
    pool = production.only("AWS::Cognito::UserPool", stack="ingestion")
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("ON", ["SOFTWARE_TOKEN_MFA"])
    assert pool["UserPoolAddOns"] == {"AdvancedSecurityMode": "ENFORCED"}
    assert pool["DeletionProtection"] == "ACTIVE"
    assert sandbox.only("AWS::Cognito::UserPool", stack="ingestion")["MfaConfiguration"] == "OPTIONAL"


def test_the_api_is_throttled_and_logged_without_tokens(declared):
    stage = declared.only("AWS::ApiGatewayV2::Stage", stack="ingestion")
    limits, settings = stage["DefaultRouteSettings"], declared.settings.ingestion
    assert (limits["ThrottlingRateLimit"], limits["ThrottlingBurstLimit"]) == (
        settings.api_rate_per_s,
        settings.api_burst,
    )
    assert stage["AccessLogSettings"]["DestinationArn"]
    assert "Authorization" not in stage["AccessLogSettings"]["Format"]


@pytest.mark.parametrize("function", ALLOWED)
def test_each_function_can_do_what_its_route_needs_in_the_raw_bucket_and_nothing_else(declared, function):
    granted = list(declared.granted(declared.at(f"ingestion/{function}Role")))
    in_s3 = {action for one in granted for action in one.actions if action.startswith("s3:")}
    assert in_s3 == ALLOWED[function]
    for one in granted:
        if any(action.startswith("s3:") for action in one.actions):
            assert all("-raw-" in resource for resource in one.resources)


def test_a_url_can_do_no_more_than_send_a_part(declared):
    granted = list(declared.granted(declared.at("ingestion/PresignPartsRole")))
    elsewhere = {"xray", "logs", "sqs"}
    actions = {action for one in granted for action in one.actions if action.split(":")[0] not in elsewhere}
    assert actions == {"s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey"}
    for one in granted:
        if any(action.startswith("kms:") for action in one.actions):
            region = declared.settings.primary_region
            assert one.condition == {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}


def test_parts_are_as_large_as_s3_wants_them(declared):
    for function in ("CreateUpload", "FindUploads"):
        variables = declared.at(f"ingestion/{function}")["Environment"]["Variables"]
        assert int(variables["PART_BYTES"]) >= max(MIN_PART_BYTES, 5 * MIB)


def test_completing_has_the_time_that_the_api_waits(declared):
    assert 25 < declared.at("ingestion/CompleteUpload")["Timeout"] < 30


def test_stale_uploads_are_aborted_by_the_bucket(declared):
    rules = declared.at("storage/Raw")["LifecycleConfiguration"]["Rules"]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


def test_the_edge_hands_the_studios_paths_to_their_api_before_the_viewers(declared):
    distribution = declared.only("AWS::CloudFront::Distribution")
    config = distribution["DistributionConfig"]
    order = [behaviour["PathPattern"] for behaviour in config["CacheBehaviors"]]
    assert order.index("/api/ingest/*") < order.index("/api/*")
    hosts = {origin["Id"]: distribution.text(origin["DomainName"]) for origin in config["Origins"]}
    [ingest] = [one for one in config["CacheBehaviors"] if one["PathPattern"] == "/api/ingest/*"]
    api = declared.only("AWS::ApiGatewayV2::Api", stack="ingestion")
    assert hosts[ingest["TargetOriginId"]].startswith(f"<{api.path}>.execute-api.")
    assert set(ingest["AllowedMethods"]) >= {"GET", "POST", "DELETE"}
