import base64
import json
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from lambdas.common.aws import client
from lambdas.playback import device_grant, device_grant_handlers, device_grant_store
from lambdas.playback.account_security import AccountSecurity
from lambdas.playback.device_grant import (
    ALPHABET,
    ATTEMPTS_WINDOW_S,
    GRANT_TYPE,
    INTERVAL_S,
    LIFETIME_S,
    MAX_ATTEMPTS,
    DeviceCode,
    OAuthError,
    Status,
)
from lambdas.playback.device_grant_environment import ApproveEnvironment, DeviceCodeEnvironment
from lambdas.playback.device_grant_store import DeviceGrants
from lambdas.playback.enforcement import Stage, Standing
from lambdas.playback.store import SecurityTable
from tests.lambdas.calls import watched

TABLE, SECURITY, TELEVISION, PAGE = "grants", "security", "television-1", "https://films.example/"
START = 1_795_000_200  # the beginning of a window
TOKENS = {"access_token": "a", "id_token": "i", "refresh_token": "r", "token_type": "Bearer", "expires_in": 3600}
USER_CODES = st.text(ALPHABET, min_size=8, max_size=8)


@given(code=USER_CODES, hyphen=st.booleans(), lower=st.booleans())
@settings(max_examples=30)
def test_a_user_code_is_read_however_it_is_typed(code, hyphen, lower):
    typed = f" {code[:4]}-{code[4:]}" if hyphen else code
    assert device_grant.normalised(typed.lower() if lower else typed) == code


@pytest.mark.parametrize("typed", ["", "BCDFGHJ", "BCDFGHJKL", "BCDFGHJA", "BCDFGHJ0", "БCDFGHJK", "BCDF/GHJ"])
def test_what_is_no_user_code_is_refused(typed):
    with pytest.raises(ValueError, match="8 letters"):
        device_grant.normalised(typed)


def test_neither_code_is_kept():
    issued = device_grant.issue(device="Living room", now=START)
    kept = issued.grant.model_dump_json()
    assert issued.user_code not in kept
    assert issued.device_code.secret not in kept
    assert set(issued.user_code) <= set(ALPHABET)
    assert str(DeviceCode.read(str(issued.device_code))) == str(issued.device_code)


def test_the_letters_of_a_user_code_make_no_words_and_look_like_nothing_else():
    assert not set(ALPHABET) & set("AEIOUY0123456789")


@pytest.mark.parametrize(
    ("rounds", "does"),
    [
        ([], {"issueTokens": False, "failAuthentication": False, "challengeName": "CUSTOM_CHALLENGE"}),
        ([{"challengeName": "CUSTOM_CHALLENGE", "challengeResult": True}], {"issueTokens": True}),
        ([{"challengeName": "CUSTOM_CHALLENGE", "challengeResult": False}], {"failAuthentication": True}),
        ([{"challengeResult": False}, {"challengeResult": True}], {"issueTokens": False, "failAuthentication": True}),
        ([{"challengeName": "CUSTOM_CHALLENGE"}], {"issueTokens": False, "failAuthentication": True}),
    ],
)
def test_cognito_asks_once_and_believes_one_right_answer(rounds, does):
    decided = device_grant.next_challenge(rounds)
    assert does.items() <= decided.items()
    assert not (decided["issueTokens"] and decided["failAuthentication"])


@pytest.fixture
def clock(monkeypatch):
    """What time it is for the handlers, in seconds."""
    clock = SimpleNamespace(now=START)
    monkeypatch.setattr(device_grant_handlers, "_now_s", lambda: clock.now)
    return clock


@pytest.fixture(scope="module")
def table():
    """The table, made once; codes are new with every test."""
    with mock_aws():
        client.cache_clear()
        client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "code_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "code_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        client("dynamodb").create_table(
            TableName=SECURITY,
            KeySchema=[{"AttributeName": "viewer_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "viewer_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield DeviceGrants(TABLE)
    client.cache_clear()


@pytest.fixture
def cognito(monkeypatch):
    """Cognito: who asks for tokens is put to our trigger, as Cognito does it."""
    given = []

    class Tokens:
        def __init__(self, *, client_id):
            assert client_id == TELEVISION

        def for_code(self, code, *, username):
            if not verify(str(code), username=username):
                raise OAuthError("invalid_grant", "no")
            given.append(username)
            return TOKENS

        def for_refresh_token(self, token):
            return TOKENS | {"refresh_token": token}

    monkeypatch.setattr(device_grant_handlers, "ViewerTokens", Tokens)
    monkeypatch.setattr(device_grant_handlers, "page_address", lambda **_: PAGE)
    return given


@pytest.fixture
def call(lambda_context):
    """Call an HTTP handler as the API does, with the claims of an ID token; return the status and the parsed body."""

    def call(handler, *, body=None, viewer=None, query=None, **more):
        claims = {"sub": viewer, "cognito:username": f"user-of-{viewer}", "aud": "page"} | more if viewer else {}
        event = {
            "requestContext": {"requestId": "request-1", "authorizer": {"jwt": {"claims": claims}}},
            "queryStringParameters": query,
            "body": body,
            "isBase64Encoded": False,
        }
        answer = handler(event, lambda_context)
        return SimpleNamespace(status=answer["statusCode"], body=json.loads(answer.get("body", "null")))

    return call


@pytest.fixture
def device(table, clock, cognito, deployed, call):
    """A television: it sends forms, and reads JSON."""
    deployed(
        DeviceCodeEnvironment(
            device_grants_table=TABLE, device_client_id=TELEVISION, user_pool_id="pool", page_client_id="page"
        )
    )
    deployed(ApproveEnvironment(device_grants_table=TABLE, security_table=SECURITY, page_client_id="page"))

    def send(handler, form):
        body = form if isinstance(form, str) else urlencode({"client_id": TELEVISION, **form})
        answered = call(handler, body=body)
        return answered.status, answered.body

    return SimpleNamespace(
        begin=lambda form=(): send(device_grant_handlers.device_code, dict(form)),
        ask=lambda form: send(device_grant_handlers.device_token, form),
        poll=lambda begun: send(
            device_grant_handlers.device_token, {"grant_type": GRANT_TYPE, "device_code": begun["device_code"]}
        ),
    )


@pytest.fixture
def decide(call):
    def decide(begun, decision="allow", *, viewer="viewer-1", **claims):
        body = {"user_code": begun["user_code"], "decision": decision}
        return call(device_grant_handlers.approve_device, body=json.dumps(body), viewer=viewer, **claims).status

    return decide


def verify(answer, *, username):
    event = {
        "triggerSource": "VerifyAuthChallengeResponse_Authentication",
        "userName": username,
        "request": {"challengeAnswer": answer},
        "response": {},
    }
    return device_grant_handlers.challenge(event, SimpleNamespace(**CONTEXT))["response"]["answerCorrect"]


CONTEXT = {"function_name": "f", "memory_limit_in_mb": 1, "invoked_function_arn": "arn", "aws_request_id": "1"}


def test_a_device_is_told_what_to_show_and_how_often_to_ask(device):
    status, begun = device.begin()
    assert status == 200
    assert begun["verification_uri"] == f"{PAGE}activate"
    assert begun["verification_uri_complete"] == f"{PAGE}activate?code={begun['user_code']}"
    assert (begun["expires_in"], begun["interval"]) == (LIFETIME_S, INTERVAL_S)
    assert len(device_grant.normalised(begun["user_code"])) == 8


def test_an_approved_device_gets_tokens_once(device, clock, cognito, decide):
    _, begun = device.begin()
    assert device.poll(begun)[1]["error"] == "authorization_pending"
    assert decide(begun) == 204
    clock.now += INTERVAL_S
    assert device.poll(begun) == (200, TOKENS)
    assert cognito == ["user-of-viewer-1"]
    clock.now += INTERVAL_S
    status, refused = device.poll(begun)
    assert (status, refused["error"]) == (400, "invalid_grant")


def test_a_device_that_nobody_has_let_in_waits_and_does_not_hurry(device, clock):
    _, begun = device.begin()
    errors = []
    for pause in (0, INTERVAL_S - 1, 1, INTERVAL_S):
        clock.now += pause
        errors.append(device.poll(begun)[1]["error"])
    assert errors == ["authorization_pending", "slow_down", "authorization_pending", "authorization_pending"]


def test_a_refused_device_is_told_so(device, decide):
    _, begun = device.begin()
    assert decide(begun, "deny") == 204
    status, refused = device.poll(begun)
    assert (status, refused["error"]) == (400, "access_denied")
    assert decide(begun, "allow") == 404, "of two decisions the first counts"


def test_a_code_ends(device, clock, decide):
    _, begun = device.begin()
    clock.now += LIFETIME_S
    assert decide(begun) == 404
    assert device.poll(begun)[1]["error"] == "expired_token"


def test_an_approved_code_ends_too(device, clock, decide, cognito):
    _, begun = device.begin()
    assert decide(begun) == 204
    clock.now += LIFETIME_S
    assert device.poll(begun)[1]["error"] == "expired_token"
    assert not verify(begun["device_code"], username="user-of-viewer-1")


def test_the_user_code_opens_nothing_by_itself(device, decide):
    _, begun = device.begin()
    decide(begun)
    code_id = DeviceCode.read(begun["device_code"]).code_id
    guessed = {"device_code": f"{code_id}.guessed"}
    assert device.poll(guessed)[1]["error"] == "invalid_grant"
    assert not verify(guessed["device_code"], username="user-of-viewer-1")


def test_cognito_believes_a_code_for_the_viewer_who_approved_it_only(device, decide):
    _, begun = device.begin()
    assert not verify(begun["device_code"], username="user-of-viewer-1"), "nobody has approved it"
    decide(begun)
    assert not verify(begun["device_code"], username="somebody")
    assert verify(begun["device_code"], username="user-of-viewer-1")
    assert not verify(begun["device_code"], username="user-of-viewer-1"), "it was used"


def test_a_viewer_sees_what_asks_and_guesses_a_few_times_only(device, clock, call, decide):
    _, begun = device.begin({"device_name": "Living room"})

    def look(code, viewer="guesser"):
        return call(device_grant_handlers.device_request, query={"user_code": code}, viewer=viewer)

    assert look(begun["user_code"].lower(), viewer="viewer-2").body["device"] == "Living room"
    assert {look("BBBB-BBBB").status for _ in range(MAX_ATTEMPTS)} == {404}
    assert look(begun["user_code"]).status == 403
    assert decide(begun, viewer="guesser") == 403
    assert look(begun["user_code"], viewer="viewer-2").status == 200
    clock.now += ATTEMPTS_WINDOW_S
    assert look("BBBB-BBBB").status == 404


def test_a_device_renews_its_tokens(device):
    assert device.ask({"grant_type": "refresh_token", "refresh_token": "x"}) == (200, TOKENS | {"refresh_token": "x"})


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": GRANT_TYPE}, 400, "invalid_grant"),
        ({"grant_type": GRANT_TYPE, "device_code": "x" * 300}, 400, "invalid_request"),
        ({"grant_type": GRANT_TYPE, "device_code": "é.é"}, 400, "invalid_grant"),
        ("grant_type=a&grant_type=b&client_id=television-1", 400, "invalid_request"),
        ("", 400, "invalid_request"),
        ('{"grant_type": "refresh_token"}', 400, "invalid_request"),
    ],
)
def test_errors_have_the_form_that_devices_read(device, form, status, error):
    if isinstance(form, dict):
        form = {"grant_type": "refresh_token"} | form
    answered, body = device.ask(form)
    assert (answered, body["error"]) == (status, error)
    assert body.keys() == {"error", "error_description"}


@pytest.mark.parametrize("name", ["", "x" * 61, "<script>", "two\nlines"])
def test_a_device_has_a_name_that_can_be_shown(device, name):
    status, body = device.begin({"device_name": name})
    assert (status, body["error"]) == (400, "invalid_request")


def test_a_form_comes_as_base64_from_the_api(device, lambda_context):
    event = {"body": base64.b64encode(f"client_id={TELEVISION}".encode()).decode(), "isBase64Encoded": True}
    assert device_grant_handlers.device_code(event, lambda_context)["statusCode"] == 200


def test_the_page_is_where_the_pages_client_says(device, monkeypatch):
    described = {"UserPoolClient": {"DefaultRedirectURI": "https://page.example/"}}
    fake = SimpleNamespace(describe_user_pool_client=lambda **_: described)
    known = device_grant_store.client
    monkeypatch.setattr(
        device_grant_store,
        "client",
        lambda service: watched(service, fake) if service == "cognito-idp" else known(service),
    )
    monkeypatch.setattr(device_grant_handlers, "page_address", device_grant_store.page_address.__wrapped__)
    assert device.begin()[1]["verification_uri"] == "https://page.example/activate"


def test_a_status_is_what_the_viewer_decides():
    decided = device_grant.Decision(user_code="bcdf-ghjk", decision="deny")
    assert (decided.user_code, decided.status) == ("BCDFGHJK", Status.DENIED)


def test_a_television_lets_nobody_in(device, decide):
    _, begun = device.begin()
    assert decide(begun, aud=TELEVISION) == 403
    assert decide(begun, aud=None, client_id=TELEVISION) == 403
    assert decide(begun) == 204


def test_who_was_signed_out_lets_nobody_in_until_a_new_sign_in(device, decide):
    viewer, out_at = "viewer-signed-out", START
    SecurityTable(SECURITY).put_over(
        AccountSecurity(viewer_id=viewer), AccountSecurity(viewer_id=viewer, all_signed_out_at=out_at)
    )
    _, begun = device.begin()
    assert decide(begun, viewer=viewer, auth_time=str(out_at - 1)) == 403
    assert decide(begun, viewer=viewer, auth_time=str(out_at + 1)) == 204


def test_who_has_to_sign_in_anew_lets_nobody_in_before(device, decide):
    viewer = "viewer-challenged"
    standing = Standing(stage=Stage.CHALLENGE, since=START, points=25, at=START, reasons=("many-devices",))
    SecurityTable(SECURITY).put_over(
        AccountSecurity(viewer_id=viewer), AccountSecurity(viewer_id=viewer, standing=standing)
    )
    _, begun = device.begin()
    assert decide(begun, viewer=viewer, auth_time=str(START - 1)) == 403
    assert decide(begun, viewer=viewer, auth_time=str(START + 1)) == 204
