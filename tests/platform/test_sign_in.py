"""A viewer's sign-in at the deployed edge: what the managed login refuses, and what ends a sign-in."""

import secrets

import pytest

from lambdas.playback.device_grant import GRANT_TYPE
from tests.platform.viewer import TITLES, TOKEN, Viewer, code_form, tokens_of
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded


@pytest.fixture
def port(platform):
    return platform.up.edge.port


@pytest.fixture
def signed_in(port, published, client_id):
    """The tokens of a sign-in that nobody else uses."""
    account = published.viewer
    return tokens_of(port=port, client_id=client_id, username=account.username, password=account.password)


def refresh(port, client_id, tokens):
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
    return Viewer(port=port).submit(TOKEN, form)


def test_the_pages_client_takes_no_password(platform, client_id):
    # The embedded Cognito does not ask for it; Cognito does.
    pool = platform.output("playback", "UserPoolId")
    client = platform.client("cognito-idp").describe_user_pool_client(UserPoolId=pool, ClientId=client_id)
    assert client["UserPoolClient"]["ExplicitAuthFlows"] == ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]


def test_codes_are_sent_to_the_page_and_are_of_use_to_nobody_else(port, client_id, published):
    asked = f"response_type=code&client_id={client_id}&redirect_uri=https://evil.example/"
    assert Viewer(port=port).get(f"/oauth2/authorize?{asked}").status == 400
    account = published.viewer
    form = code_form(port=port, client_id=client_id, username=account.username, password=account.password)
    for verifier in (secrets.token_urlsafe(32), form["code_verifier"].swapcase(), ""):
        refused = Viewer(port=port).submit(TOKEN, form | {"code_verifier": verifier})
        assert (refused.status, refused.json["error"]) == (400, "invalid_grant")


def test_a_renewal_lets_the_viewer_go_on(port, client_id, signed_in):
    renewed = refresh(port, client_id, signed_in)
    assert renewed.status == 200, renewed.body
    assert Viewer(port=port, token=renewed.json["id_token"]).get(TITLES).status == 200


def test_a_revoked_sign_in_is_not_renewed(port, client_id, signed_in):
    form = {"token": signed_in["refresh_token"], "client_id": client_id}
    assert Viewer(port=port).submit("/oauth2/revoke", form).status == 200
    answer = refresh(port, client_id, signed_in)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def test_a_viewer_who_is_signed_out_everywhere_is_renewed_nowhere(platform, published, port, client_id, signed_in):
    cognito, pool = platform.client("cognito-idp"), platform.output("playback", "UserPoolId")

    def refused():
        # A sign-out counts in whole seconds: in the second of the sign-in itself it ends nothing.
        cognito.admin_user_global_sign_out(UserPoolId=pool, Username=published.viewer.username)
        return refresh(port, client_id, signed_in).status == 400

    eventually(refused, waiting_for="the sign-in to end", seconds=30)


def test_a_television_gets_tokens_of_its_own_by_a_code_that_is_good_once(platform, port, viewer, signed_in):
    television, client = Viewer(port=port), {"client_id": platform.output("playback", "TelevisionClientId")}
    begun = television.submit("/api/device/code", {**client, "device_name": "Living room"})
    assert begun.status == 200, begun.body
    assert begun.json["verification_uri"] == f"http://127.0.0.1:{port}/activate"
    assert "<title>Marquee" in television.get(f"/activate?code={begun.json['user_code']}").text

    def ask(**form):
        answer = television.submit("/api/device/token", {**client, **form})
        return answer.json.get("error"), answer.json

    code = {"grant_type": GRANT_TYPE, "device_code": begun.json["device_code"]}
    assert ask(**code)[0] == "authorization_pending"
    assert ask(**code)[0] == "slow_down"
    asks = viewer.get(f"/api/device/request?user_code={begun.json['user_code']}", token=signed_in["id_token"])
    assert (asks.status, asks.json["device"]) == (200, "Living room")
    decision = {"user_code": begun.json["user_code"], "decision": "allow"}
    assert viewer.post("/api/device/approve", decision, token=signed_in["id_token"]).status == 204

    def given():
        error, tokens = ask(**code)
        assert error in {None, "slow_down"}, tokens
        return None if error else tokens

    tokens = eventually(given, waiting_for="the time between two polls", seconds=30, every=1)
    assert Viewer(port=port, token=tokens["id_token"]).get(TITLES).status == 200
    assert tokens["refresh_token"] != signed_in["refresh_token"]
    error, renewed = ask(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert error is None
    assert Viewer(port=port, token=renewed["access_token"]).get(TITLES).status == 200
    again = eventually(lambda: (found := ask(**code)[0]) != "slow_down" and found, waiting_for="a poll", seconds=30)
    assert again == "invalid_grant"

    revoked = {"token": tokens["refresh_token"], "client_id": client["client_id"]}
    assert television.submit("/oauth2/revoke", revoked).status == 200
    assert ask(grant_type="refresh_token", refresh_token=tokens["refresh_token"])[0] == "invalid_grant"
    # Of the viewer's other devices none is signed out by it.
    assert refresh(port, platform.output("playback", "UserPoolClientId"), signed_in).status == 200


def test_a_sign_in_by_a_device_code_that_nobody_approved_fails_at_cognito_itself(platform, published):
    cognito, client_id = platform.client("cognito-idp"), platform.output("playback", "TelevisionClientId")
    begun = cognito.initiate_auth(
        ClientId=client_id, AuthFlow="CUSTOM_AUTH", AuthParameters={"USERNAME": published.viewer.username}
    )
    with pytest.raises(cognito.exceptions.NotAuthorizedException):
        cognito.respond_to_auth_challenge(
            ClientId=client_id,
            ChallengeName="CUSTOM_CHALLENGE",
            Session=begun["Session"],
            ChallengeResponses={"USERNAME": published.viewer.username, "ANSWER": f"{'0' * 64}.guessed"},
        )
