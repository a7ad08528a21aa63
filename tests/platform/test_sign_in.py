"""A viewer's sign-in at the deployed edge: what the managed login refuses, and what ends a sign-in."""

import pytest

from tests.platform.viewer import TITLES, Viewer, tokens_of
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
    return Viewer(port=port).submit("/oauth2/token", form)


def test_a_password_alone_gives_nobody_tokens(platform, published, client_id):
    cognito = platform.client("cognito-idp")
    with pytest.raises(cognito.exceptions.InvalidParameterException):
        cognito.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=client_id,
            AuthParameters={"USERNAME": published.viewer.username, "PASSWORD": published.viewer.password},
        )


def test_codes_are_sent_to_the_page_and_nowhere_else(port, client_id):
    asked = f"response_type=code&client_id={client_id}&redirect_uri=https://evil.example/"
    assert Viewer(port=port).get(f"/oauth2/authorize?{asked}").status == 400


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

    eventually(refused, waiting_for="the sign-in to end", seconds=10)
