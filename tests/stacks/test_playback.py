import json

import pytest

ROUTES = {
    "GET /api/catalog/titles": "catalog/ListTitles",
    "POST /api/playback/sessions": "playback/CreateSession",
    "DELETE /api/playback/sessions/{session_id}": "playback/EndSession",
    "POST /api/playback/sessions/{session_id}/heartbeat": "playback/Heartbeat",
    "GET /api/playback/sessions/{session_id}/manifest": "playback/GetManifest",
    "GET /api/playback/steering": "playback/Steer",
    "POST /api/playback/license": "playback/License",
    "POST /api/playback/license/{system}": "playback/VendorLicense",
    "GET /api/playback/license/fairplay/certificate": "playback/FairPlayCertificate",
    "GET /api/playback/progress": "playback/ContinueWatching",
    "POST /api/playback/progress": "playback/Progress",
    "POST /api/device/code": "playback/DeviceCode",
    "POST /api/device/token": "playback/DeviceToken",
    "GET /api/device/request": "playback/DeviceRequest",
    "POST /api/device/approve": "playback/ApproveDevice",
    "POST /api/playback/telemetry": "playback/Telemetry",
    "GET /api/account/profiles": "playback/ListProfiles",
    "GET /api/account/devices": "playback/ListDevices",
    "DELETE /api/account/devices/{device_id}": "playback/SignOutDevice",
    "DELETE /api/account/devices": "playback/SignOutEverywhere",
}
OPEN = {"POST /api/device/code", "POST /api/device/token", "GET /api/playback/steering"}
"""Where a device without a token gets one, and where players send none."""
CONTENT_KEY = "<playback/ContentKeyWrapping.Arn>"


def routes_of(declared, api):
    """The routes of one of the stack's two APIs: the viewers' ``Api``, and the packagers' ``Speke``."""
    routes = declared.of("AWS::ApiGatewayV2::Route", stack="playback")
    return [route for route in routes if route.path.startswith(f"playback/{api}/")]


def only_stage(declared, api):
    stages = declared.of("AWS::ApiGatewayV2::Stage", stack="playback")
    [stage] = [stage for stage in stages if stage.text(stage["ApiId"]).startswith(f"<playback/{api}/")]
    return stage


def test_every_route_reaches_its_function(declared):
    integrations = {
        f"integrations/<{found.path}>": found.text(found["IntegrationUri"])
        for found in declared.of("AWS::ApiGatewayV2::Integration", stack="playback")
    }
    routes = {route["RouteKey"]: integrations[route.text(route["Target"])] for route in routes_of(declared, "Api")}
    assert routes == {key: f"<{function}.Arn>" for key, function in ROUTES.items()}


def test_no_route_answers_without_a_signed_in_viewer_but_where_there_can_be_no_token(declared):
    authorizer = declared.only("AWS::ApiGatewayV2::Authorizer", stack="playback")
    routes = {route["RouteKey"]: route for route in routes_of(declared, "Api")}
    assert {key for key, route in routes.items() if route["AuthorizationType"] == "NONE"} == OPEN
    for key in routes.keys() - OPEN:
        assert routes[key]["AuthorizationType"] == "JWT"
        assert routes[key].text(routes[key]["AuthorizerId"]) == f"<{authorizer.path}>"
    jwt = authorizer["JwtConfiguration"]
    assert [authorizer.text(audience) for audience in jwt["Audience"]] == [
        "<playback/SignIn/Page>",
        "<playback/SignIn/Television>",
    ]
    region = declared.settings.primary_region
    issuer = f"https://cognito-idp.{region}.amazonaws.com/<playback/Viewers>"
    assert authorizer.text(jwt["Issuer"]) == issuer


def test_the_api_is_throttled_and_logged(declared):
    stage = only_stage(declared, "Api")
    limits = stage["DefaultRouteSettings"]
    playback = declared.settings.playback
    assert limits["ThrottlingRateLimit"] == playback.api_rate_per_s
    assert limits["ThrottlingBurstLimit"] == playback.api_burst
    assert stage.text(stage["AccessLogSettings"]["DestinationArn"]) == "<playback/Api/AccessLog.Arn>"
    assert "Authorization" not in stage["AccessLogSettings"]["Format"]


@pytest.mark.parametrize("table", ["Sessions", "Leases"])
def test_sessions_and_their_leases_expire(declared, table):
    found = declared.at(f"playback/{table}")
    assert found["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_whoever_keeps_or_ends_a_session_writes_leases_and_reads_no_session(declared):
    leases, sessions = (f"<playback/{table}.Arn>" for table in ("Leases", "Sessions"))
    writers = actions_on(declared, leases)
    for function in ("Heartbeat", "EndSession"):
        assert writers[f"playback/{function}Role"] == {"dynamodb:UpdateItem"}
        assert f"playback/{function}Role" not in actions_on(declared, sessions)
    assert declared.settings.playback.heartbeat_s * 2 < declared.settings.playback.lease_s, "two may be lost"


def test_viewers_cannot_be_enumerated_and_have_long_passwords(declared):
    pool = declared.only("AWS::Cognito::UserPool", stack="playback")
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    for client in declared.of("AWS::Cognito::UserPoolClient", stack="playback"):
        assert client["PreventUserExistenceErrors"] == "ENABLED"
        assert not client.properties.get("GenerateSecret"), "neither a page nor a television can keep a secret"


def test_no_client_gives_tokens_for_a_password_to_whoever_asks(declared):
    client = declared.at("playback/SignIn/Page")
    assert client["ExplicitAuthFlows"] == ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    assert declared.at("playback/SignIn/Television")["ExplicitAuthFlows"] == ["ALLOW_CUSTOM_AUTH"]
    assert not {"AllowedOAuthFlows", "CallbackURLs"} & client.properties.keys(), "the delivery stack adds the page"
    for role in declared.of("AWS::IAM::Role"):
        for statement in declared.granted(role):
            assert "cognito-idp:AdminInitiateAuth" not in statement.actions


def test_a_refresh_token_is_good_once(declared):
    for client in declared.of("AWS::Cognito::UserPoolClient", stack="playback"):
        assert client["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 60}
        assert client["EnableTokenRevocation"] is True


OF_VENDORS = {"POST /api/playback/license/{system}", "GET /api/playback/license/fairplay/certificate"}
"""Routes of functions that reach the internet, and so no counter."""


def test_routes_that_nobody_counts_are_throttled_by_themselves_and_below_the_others(declared):
    stage = only_stage(declared, "Api")
    assert stage["RouteSettings"].keys() == OPEN | OF_VENDORS
    routes = {route["RouteKey"]: route for route in declared.of("AWS::ApiGatewayV2::Route", stack="playback")}
    for key in OPEN | OF_VENDORS:
        limits = stage["RouteSettings"][key]
        assert limits["ThrottlingRateLimit"] < declared.settings.playback.api_rate_per_s
        assert limits["ThrottlingBurstLimit"] < declared.settings.playback.api_burst
        assert routes[key].logical_id in stage.body["DependsOn"]


def test_cognito_asks_one_function_whether_a_device_code_is_good(declared):
    triggers = declared.only("AWS::Cognito::UserPool", stack="playback")
    assert {name: triggers.text(arn) for name, arn in triggers["LambdaConfig"].items()} == dict.fromkeys(
        ("DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"), "<playback/DeviceChallenge.Arn>"
    )


def test_grants_of_devices_end(declared):
    grants = declared.at("playback/DeviceGrants")
    assert grants["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_who_grants_a_device_its_tokens_may_change_one_item_at_a_time(declared):
    assert actions_on(declared, "<playback/DeviceGrants.Arn>") == {
        "playback/DeviceCodeRole": {"dynamodb:PutItem"},
        "playback/DeviceTokenRole": {"dynamodb:UpdateItem"},
        "playback/DeviceRequestRole": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        "playback/ApproveDeviceRole": {"dynamodb:UpdateItem"},
        "playback/DeviceChallengeRole": {"dynamodb:UpdateItem"},
    }


def test_viewers_sign_in_at_pages_of_cognito_that_have_a_style(declared):
    domain = declared.only("AWS::Cognito::UserPoolDomain")
    assert domain.text(domain["UserPoolId"]) == "<playback/Viewers>"
    assert domain["ManagedLoginVersion"] == 2
    style = declared.only("AWS::Cognito::ManagedLoginBranding")
    assert style.text(style["ClientId"]) == "<playback/SignIn/Page>"


def actions_on(declared, resource):
    """What each role may do with `resource`."""
    found = {}
    for role in declared.of("AWS::IAM::Role"):
        for statement in declared.granted(role):
            if resource in statement.resources:
                found.setdefault(role.path, set()).update(statement.actions)
    return found


def test_content_keys_are_unwrapped_for_licences_and_for_packagers_only(complete):
    assert actions_on(complete, CONTENT_KEY) == {
        "playback/LicenseRole": {"kms:Decrypt"},
        "encoding/PackagerRole": {"kms:Decrypt"},
        "playback/IssueKeysRole": {"kms:GenerateDataKeyWithoutPlaintext"},
        "playback/SpekeKeysRole": {"kms:GenerateDataKeyWithoutPlaintext", "kms:Decrypt"},
    }


def test_the_policy_of_the_wrapping_key_admits_nobody_by_itself(complete):
    key = complete.at("playback/ContentKeyWrapping")
    [statement] = key.statements(key["KeyPolicy"])
    assert statement.principals == ("arn:aws:iam::<AWS::AccountId>:root",)
    assert key["EnableKeyRotation"] is True


def decrypting(declared, key, *, through):
    """The roles that may decrypt with `key` through one service, or by themselves where that is None."""
    service = f"{through}.{declared.settings.primary_region}.amazonaws.com"

    def meant(condition):
        if through is None:
            return "kms:ViaService" not in condition.get("StringEquals", {})
        return condition == {"StringEquals": {"kms:ViaService": service}}

    return {
        role.path
        for role in declared.of("AWS::IAM::Role")
        for statement in declared.granted(role)
        if "kms:Decrypt" in statement.actions and key in statement.resources and meant(statement.condition)
    }


def test_readers_of_media_cannot_unwrap_content_keys_where_one_key_serves_both(sandbox):
    by_themselves = decrypting(sandbox, "<governance/DataKey.Arn>", through=None)
    only_s3_assumes = {"storage/RawReplication/Role"}
    assert by_themselves - only_s3_assumes == {
        "playback/LicenseRole",
        "playback/SpekeKeysRole",
        "encoding/PackagerRole",
    }


def test_whoever_issues_content_keys_never_sees_them(sandbox):
    actions = actions_on(sandbox, "<governance/DataKey.Arn>")
    assert {action for action in actions["playback/IssueKeysRole"] if action.startswith("kms:")} == {
        "kms:GenerateDataKeyWithoutPlaintext"
    }


def test_secrets_are_made_in_the_account_and_read_by_who_signs_or_checks_with_them(declared):
    readers = {}
    for secret in declared.of("AWS::SecretsManager::Secret"):
        assert "SecretString" not in secret.properties
        assert secret["GenerateSecretString"]["PasswordLength"] >= 64
        readers[secret.path] = {
            role
            for role, actions in actions_on(declared, f"<{secret.path}>").items()
            if "secretsmanager:GetSecretValue" in actions
        }
    assert readers == {
        "playback/EdgeKey": {
            "playback/CreateSessionRole",
            "playback/GetManifestRole",
            "delivery/PublishEdgeKeysRole",
        },
        "playback/SessionKey": {"playback/CreateSessionRole", "playback/TelemetryRole"},
    }
    assert set().union(*readers.values()) == decrypting(declared, "<governance/DataKey.Arn>", through="secretsmanager")


def test_the_episodes_of_a_series_are_found_by_their_place_and_read_by_who_offers_them(declared):
    [index] = declared.at("playback/Playable")["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "episodes"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["series", "episode"]
    readers = actions_on(declared, "<playback/Playable.Arn>/index/episodes")
    assert readers == {f"playback/{function}Role": {"dynamodb:Query"} for function in ("Progress", "ContinueWatching")}


@pytest.mark.parametrize("function", ["CreateSession", "GetManifest", "License", "Progress", "Account"])
def test_nobody_lists_or_empties_a_table(declared, function):
    for statement in declared.granted(declared.at(f"playback/{function}Role")):
        assert not statement.actions & {"dynamodb:Scan", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"}


def test_production_watches_for_stolen_passwords(production):
    pool = production.only("AWS::Cognito::UserPool", stack="playback")
    assert pool["UserPoolAddOns"] == {"AdvancedSecurityMode": "ENFORCED"}
    assert pool["DeletionProtection"] == "ACTIVE"


def test_it_follows_publications_and_rollbacks_with_one_function(declared):
    for event in ("TitlePublished", "TitleRolledBack"):
        rule = declared.at(f"playback/On{event}")
        assert rule["EventPattern"] == {"source": ["marquee.catalog"], "detail-type": [event]}
        assert [rule.text(target["Arn"]) for target in rule["Targets"]] == ["<playback/FollowCatalog.Arn>"]


def test_packagers_sign_their_requests_and_reach_nothing_else(declared):
    [route] = routes_of(declared, "Speke")
    assert (route["RouteKey"], route["AuthorizationType"]) == ("POST /speke/v2.0/keys", "AWS_IAM")
    stage = only_stage(declared, "Speke")
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] <= 50
    assert stage["AccessLogSettings"]


def test_what_is_revoked_is_read_by_whoever_gives_keys_or_sessions_and_written_by_operators(declared):
    [table] = [found for found in declared.of("AWS::DynamoDB::GlobalTable") if "Revocations" in found.path]
    assert actions_on(declared, f"<{table.path}.Arn>") == {
        "playback/CreateSessionRole": {"dynamodb:Query"},
        "playback/GetManifestRole": {"dynamodb:Query"},
        "playback/HeartbeatRole": {"dynamodb:Query"},
        "playback/LicenseRole": {"dynamodb:Query"},
        "playback/VendorLicenseRole": {"dynamodb:Query"},
        "playback/SpekeKeysRole": {"dynamodb:Query"},
        "playback/RevokeRole": {"dynamodb:PutItem", "dynamodb:Query"},
    }


def test_playback_calls_the_edges_function_by_the_name_that_it_has(declared):
    called = declared.at("playback/Revoke")["Environment"]["Variables"]["EDGE_FUNCTION_ARN"]
    arn = declared.at("playback/Revoke").text(called)
    name = declared.at("delivery/EndSessions")["FunctionName"]
    assert arn.endswith(f":us-east-1:<AWS::AccountId>:function:{name}")
    [invoke] = [
        statement
        for statement in declared.granted(declared.at("playback/RevokeRole"))
        if "lambda:InvokeFunction" in statement.actions
    ]
    assert invoke.resources == (arn,)


def test_only_the_function_that_ends_sessions_writes_at_the_edge(declared):
    writers = {
        role.path: statement.actions
        for role in declared.of("AWS::IAM::Role")
        for statement in declared.granted(role)
        if any(action.startswith("cloudfront-keyvaluestore:") for action in statement.actions)
    }
    assert writers == {
        "delivery/EndSessionsRole": {
            f"cloudfront-keyvaluestore:{action}" for action in ("DescribeKeyValueStore", "ListKeys", "UpdateKeys")
        }
    }


def test_who_steers_knows_the_pathways_and_reaches_nothing(declared):
    function = declared.at("playback/Steer")
    variables = function["Environment"]["Variables"]
    assert json.loads(variables["PATHWAYS"]) == {"further": []}
    assert variables["STEERING_TTL_S"] == "60"
    for other in ("CreateSession", "GetManifest"):
        assert declared.at(f"playback/{other}")["Environment"]["Variables"]["PATHWAYS"] == variables["PATHWAYS"]
    actions = {
        action for statement in declared.granted(declared.at("playback/SteerRole")) for action in statement.actions
    }
    assert not {
        action for action in actions if action.startswith(("dynamodb:", "s3:", "secretsmanager:", "kms:Decrypt"))
    }


def test_progress_of_two_regions_is_merged_where_there_are_two(sandbox, opted_in, production):
    for declared in (sandbox, opted_in):
        table = declared.at("playback/ProgressTable")
        assert "StreamSpecification" not in table.properties
        assert len(table["Replicas"]) == 1
        assert not [one for one in declared.functions() if one.path == "playback/MergeProgress"]
    table = production.at("playback/ProgressTable")
    assert {replica["Region"] for replica in table["Replicas"]} == {"us-east-1", "us-west-2"}
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    mapping = production.at("playback/ProgressMerge/Replaced")
    assert mapping.text(mapping["EventSourceArn"]) == "<playback/ProgressTable.StreamArn>"
    assert mapping.text(mapping["FunctionName"]) == "<playback/MergeProgress>"
    [pattern] = mapping["FilterCriteria"]["Filters"]
    elsewhere = {"written_in": {"S": [{"anything-but": ["us-east-1"]}]}}
    assert json.loads(pattern["Pattern"]) == {"eventName": ["MODIFY"], "dynamodb": {"NewImage": elsewhere}}
    assert mapping["BisectBatchOnFunctionError"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumRetryAttempts"] == 10
    failed = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert mapping.text(failed) == "<playback/DeadLetters.Arn>"
    assert actions_on(production, "<playback/ProgressTable.Arn>")["playback/MergeProgressRole"] == {"dynamodb:PutItem"}
    assert actions_on(production, "<playback/ProgressTable.StreamArn>") == {
        "playback/MergeProgressRole": {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
    }
