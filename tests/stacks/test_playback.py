import pytest

ROUTES = {
    "GET /api/catalog/titles": "catalog/ListTitles",
    "POST /api/playback/sessions": "playback/CreateSession",
    "DELETE /api/playback/sessions/{session_id}": "playback/EndSession",
    "POST /api/playback/sessions/{session_id}/heartbeat": "playback/Heartbeat",
    "GET /api/playback/sessions/{session_id}/manifest": "playback/GetManifest",
    "POST /api/playback/license": "playback/License",
    "GET /api/playback/progress": "playback/ContinueWatching",
    "POST /api/playback/progress": "playback/Progress",
}
CONTENT_KEY = "<playback/ContentKeyWrapping.Arn>"


def test_every_route_reaches_its_function(declared):
    integrations = {
        f"integrations/<{found.path}>": found.text(found["IntegrationUri"])
        for found in declared.of("AWS::ApiGatewayV2::Integration", stack="playback")
    }
    routes = {
        route["RouteKey"]: integrations[route.text(route["Target"])]
        for route in declared.of("AWS::ApiGatewayV2::Route", stack="playback")
    }
    assert routes == {key: f"<{function}.Arn>" for key, function in ROUTES.items()}


def test_no_route_answers_without_a_signed_in_viewer(declared):
    authorizer = declared.only("AWS::ApiGatewayV2::Authorizer", stack="playback")
    for route in declared.of("AWS::ApiGatewayV2::Route", stack="playback"):
        assert route["AuthorizationType"] == "JWT"
        assert route.text(route["AuthorizerId"]) == f"<{authorizer.path}>"
    jwt = authorizer["JwtConfiguration"]
    assert [authorizer.text(audience) for audience in jwt["Audience"]] == ["<playback/Viewers/Player>"]
    region = declared.settings.primary_region
    issuer = f"https://cognito-idp.{region}.amazonaws.com/<playback/Viewers>"
    assert authorizer.text(jwt["Issuer"]) == issuer


def test_the_api_is_throttled_and_logged(declared):
    stage = declared.only("AWS::ApiGatewayV2::Stage", stack="playback")
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


def test_whoever_keeps_or_ends_a_session_writes_leases_and_reads_nothing(declared):
    for function in ("Heartbeat", "EndSession"):
        granted = declared.granted(declared.at(f"playback/{function}Role"))
        dynamodb = {action for one in granted for action in one.actions if action.startswith("dynamodb:")}
        assert dynamodb == {"dynamodb:UpdateItem"}
    assert declared.settings.playback.heartbeat_s * 2 < declared.settings.playback.lease_s, "two may be lost"


def test_viewers_cannot_be_enumerated_and_have_long_passwords(declared):
    pool = declared.only("AWS::Cognito::UserPool", stack="playback")
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    client = declared.only("AWS::Cognito::UserPoolClient", stack="playback")
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert not client.properties.get("GenerateSecret"), "a page cannot keep a secret"


def actions_on(declared, resource):
    """What each role may do with `resource`."""
    found = {}
    for role in declared.of("AWS::IAM::Role"):
        for statement in declared.granted(role):
            if resource in statement.resources:
                found.setdefault(role.path, set()).update(statement.actions)
    return found


def test_content_keys_are_unwrapped_by_the_licence_function_and_the_packager_only(complete):
    assert actions_on(complete, CONTENT_KEY) == {
        "playback/LicenseRole": {"kms:Decrypt"},
        "encoding/PackagerRole": {"kms:Decrypt"},
        "playback/IssueKeysRole": {"kms:GenerateDataKeyWithoutPlaintext"},
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
    assert by_themselves - only_s3_assumes == {"playback/LicenseRole", "encoding/PackagerRole"}


def test_whoever_issues_content_keys_never_sees_them(sandbox):
    actions = actions_on(sandbox, "<governance/DataKey.Arn>")
    assert {action for action in actions["playback/IssueKeysRole"] if action.startswith("kms:")} == {
        "kms:GenerateDataKeyWithoutPlaintext"
    }


def test_the_edge_secret_is_made_in_the_account_and_read_by_its_three_readers(declared):
    secret = declared.only("AWS::SecretsManager::Secret")
    assert "SecretString" not in secret.properties
    assert secret["GenerateSecretString"]["PasswordLength"] >= 64
    readers = {
        role
        for role, actions in actions_on(declared, f"<{secret.path}>").items()
        if "secretsmanager:GetSecretValue" in actions
    }
    assert readers == {"playback/CreateSessionRole", "playback/GetManifestRole", "delivery/PublishEdgeKeysRole"}
    assert readers == decrypting(declared, "<governance/DataKey.Arn>", through="secretsmanager")


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
