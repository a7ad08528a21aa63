"""The API does what its description says, to whatever anybody asks: Schemathesis makes the questions from it.

Each operation is asked with what its description allows and with what it forbids. None answers with an error of the
server; each answer's status, type and content are described; what is forbidden is refused, and what is allowed is not
refused as invalid. The questions are the same in every run of the same description.
"""

import json
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings

from lambdas.playback.device_grant import GRANT_TYPE
from tests.platform.conftest import NEEDS
from tests.platform.viewer import TITLE, studio_sign_in

pytestmark = pytest.mark.embedded

DOCUMENT = Path(__file__).parents[2] / "docs" / "generated" / "openapi.json"
PATHS = json.loads(DOCUMENT.read_text(encoding="utf-8"))["paths"]
ALLOWED = [("positive", method, path) for path, methods in PATHS.items() for method in methods]
# Of an operation that takes nothing but names, nothing is forbidden.
FORBIDDEN = [
    ("negative", method, path)
    for path, methods in PATHS.items()
    for method, operation in methods.items()
    if "requestBody" in operation or any(found["schema"] != {"type": "string"} for found in operation["parameters"])
]
STUDIOS = "/api/ingest/"
SESSIONS, LICENSE = "/api/playback/sessions", "/api/playback/license"
SESSION = f"{SESSIONS}/{{session_id}}"
DEVICES, UPLOADS = "/api/account/devices", "/api/ingest/uploads"
UPLOAD = f"{UPLOADS}/{{upload_id}}"
STUDIO = "questioners"
EXAMPLES = 5
"""Of each kind, for each operation."""
ONLY_THE_SERVER_KNOWS = {
    ("get", "/api/ingest/deliveries"): "a cursor is what the page before it gave out",
    ("post", "/api/playback/progress"): "a title has an end, and a report is no older than a day",
}
"""Operations that refuse as invalid what no description can tell from what they take, and why."""


@pytest.fixture(scope="module")
def description(platform):
    """The description, as Schemathesis reads it, of the API behind the edge."""
    schemathesis = pytest.importorskip("schemathesis", reason=NEEDS)
    read = schemathesis.openapi.from_path(DOCUMENT)
    read.config.update(base_url=f"http://127.0.0.1:{platform.up.edge.port}")
    # What it would ask of tokens is in test_api.py; of methods, that the gateway has another answer than 405.
    read.config.checks.ignored_auth.enabled = read.config.checks.unsupported_method.enabled = False
    # Who asks has signed in; and what no operation knows it passes over, because clients may be newer.
    read.config.generation.update(with_security_parameters=False, allow_extra_parameters=False)
    refusing = read.config.checks.negative_data_rejection
    refusing.expected_statuses = [*refusing.expected_statuses, "413", "414"]
    # A session that has ended, or was never begun, is gone; whether it is, only the server knows.
    accepting = read.config.checks.positive_data_acceptance
    accepting.expected_statuses = [*accepting.expected_statuses, "410"]
    return read


@pytest.fixture(scope="module")
def studio_token(platform, tmp_path_factory):
    from sandbox.studio_user import new_studio_user  # noqa: PLC0415 - skipped where what it imports is missing

    folder = tmp_path_factory.mktemp("questioners")
    desk = new_studio_user(platform.up.platform, studio=STUDIO, site=platform.up.edge.url, folder=folder)
    port = platform.up.edge.port
    return studio_sign_in(port=port, client_id=desk.client_id, username=desk.username, password=desk.password)


@pytest.fixture(scope="module")
def new_token(platform, client_id):
    """Make a viewer whom no limit is near, and who loses nothing by being signed out."""
    cognito, pool = platform.client("cognito-idp"), platform.output("playback", "UserPoolId")

    def new_token():
        account = {"UserPoolId": pool, "Username": f"{uuid4().hex}@example.com"}
        password = "Qu3stions!Galore"
        cognito.admin_create_user(**account, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(**account, Password=password, Permanent=True)
        answer = cognito.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": account["Username"], "PASSWORD": password},
        )
        return answer["AuthenticationResult"]["IdToken"]

    return new_token


@pytest.mark.parametrize(("kind", "method", "path"), ALLOWED + FORBIDDEN)
def test_an_operation_answers_as_it_is_described(description, new_token, studio_token, kind, method, path):
    from schemathesis import GenerationMode  # noqa: PLC0415 - skipped where it is missing
    from schemathesis.checks import CHECKS  # noqa: PLC0415 - the same

    token = studio_token if path.startswith(STUDIOS) else new_token()
    operation = description[path][method]
    left_out = ["positive_data_acceptance"] if (method, path) in ONLY_THE_SERVER_KNOWS else []

    @settings(max_examples=EXAMPLES)
    @given(operation.as_strategy(generation_mode=GenerationMode(kind)))
    def ask(case):
        answer = case.call(headers={"authorization": f"Bearer {token}"})
        case.validate_response(answer, excluded_checks=CHECKS.get_by_names(left_out))

    ask()


@pytest.fixture(scope="module")
def ask(description):
    """Ask an operation for what there is, and hold its answer against the description."""

    def ask(method, path, *, status, token=None, **parts):
        case = description[path][method].Case(**parts)
        answer = case.call(headers={"authorization": f"Bearer {token}"} if token else {})
        case.validate_response(answer)
        assert answer.status_code == status, answer.text
        return answer

    return ask


def test_what_a_viewer_is_given_is_described(ask, published, new_token):
    viewer = {"token": new_token()}
    said = {"media_type": "application/json", **viewer}
    device = {"id": "sofa", "name": "Fünf Sofas 🛋"}
    opened = ask("post", SESSIONS, status=201, body={"title_id": TITLE, "device": device}, **said).json()
    one = {"path_parameters": {"session_id": opened["session_id"]}, **viewer}
    hls, dash = (
        ask("get", f"{SESSION}/manifest", status=200, query={"format": kind}, **one) for kind in ("hls", "dash")
    )
    assert hls.headers["content-type"] != dash.headers["content-type"]
    kids = {UUID(kid).bytes for kid in re.findall(r'default_KID="([0-9a-f-]{36})"', dash.text)}
    asked = {"kids": [urlsafe_b64encode(kid).decode().rstrip("=") for kid in kids]}
    licence = ask("post", LICENSE, status=200, query={"session_id": opened["session_id"]}, body=asked, **said).json()
    assert len(licence["keys"]) == len(kids)
    report = {"title_id": TITLE, "position_s": 3.5, "recorded_at": datetime.now(UTC).isoformat()}
    ask("post", "/api/playback/progress", status=200, body=report, **said)
    [begun] = ask("get", "/api/playback/progress", status=200, **viewer).json()["titles"]
    assert begun["position_s"] == 3.5
    ask("post", f"{SESSION}/heartbeat", status=204, **one)
    ask("delete", SESSION, status=204, **one)
    assert ask("get", "/api/catalog/titles", status=200, **viewer).json()["titles"]
    [listed] = ask("get", DEVICES, status=200, **viewer).json()["devices"]
    assert listed["name"] == device["name"]
    ask("delete", f"{DEVICES}/{{device_id}}", status=204, path_parameters={"device_id": "sofa"}, **viewer)
    ask("delete", DEVICES, status=204, **viewer)


def test_what_a_television_is_given_is_described(ask, platform, new_token):
    form = {"media_type": "application/x-www-form-urlencoded"}
    client = {"client_id": platform.output("playback", "TelevisionClientId")}
    begun = ask("post", "/api/device/code", status=200, body={**client, "device_name": "Attic"}, **form).json()
    poll = {**client, "grant_type": GRANT_TYPE, "device_code": begun["device_code"]}
    assert ask("post", "/api/device/token", status=400, body=poll, **form).json()["error"] == "authorization_pending"
    viewer, code = {"token": new_token()}, {"user_code": begun["user_code"]}
    assert ask("get", "/api/device/request", status=200, query=code, **viewer).json()["device"] == "Attic"
    decision = {"body": {**code, "decision": "deny"}, "media_type": "application/json"}
    ask("post", "/api/device/approve", status=204, **decision, **viewer)


def test_what_a_studio_is_given_is_described(ask, studio_token):
    studio = {"token": studio_token}
    said = {"media_type": "application/json", **studio}
    file = {"delivery_id": "described", "name": "film.mov"}
    created = ask("post", UPLOADS, status=201, body={**file, "size_bytes": 4711}, **said).json()
    one = {"path_parameters": {"upload_id": created["upload_id"]}}
    found = ask("get", UPLOADS, status=200, query={**file, "size_bytes": 4711}, **studio).json()
    assert created["upload_id"] in [upload["upload_id"] for upload in found["uploads"]]
    part = {"number": 1, "size_bytes": 4711, "checksum": "AAAAAAAAAAA="}
    assert ask("post", f"{UPLOAD}/parts", status=200, body={**file, "parts": [part]}, **one, **said).json()["parts"]
    assert ask("get", f"{UPLOAD}/parts", status=200, query=file, **one, **studio).json()["parts"] == []
    whole = {**file, "size_bytes": 4711, "parts": 1, "checksum": part["checksum"]}
    ask("post", f"{UPLOAD}/complete", status=409, body=whole, **one, **said)
    ask("delete", UPLOAD, status=204, query=file, **one, **studio)
    assert ask("get", "/api/ingest/deliveries", status=200, **studio).json()["deliveries"] == []


def test_what_is_too_large_is_refused_as_described(ask, new_token):
    viewer = {"token": new_token()}
    ask("get", "/api/device/request", status=414, query={"user_code": "B" * 40_000}, **viewer)
    body = {"title_id": TITLE, "device": {"name": "x" * 10_500_000}}
    ask("post", SESSIONS, status=413, body=body, media_type="application/json", **viewer)
