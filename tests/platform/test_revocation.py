"""Keys for another packager, and what an operator takes back, on the deployed platform."""

import base64
import http.client
import re
import time
import uuid
from urllib.parse import urlsplit

import pytest

from lambdas.playback import xml_reading
from sandbox.operating import OperationError, operate
from tests.lambdas.playback.cpix_documents import NAMES, contract, document
from tests.platform.viewer import SESSIONS, TITLE
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

REVOKED = "urn:marquee:problem:revoked"


@pytest.fixture
def revoke(platform):
    def revoke(kind, subject):
        asked = {"kind": kind, "subject": subject, "by": "operator", "reason": "a test"}
        return operate(platform.up.platform, asked, context="playback", output="RevokeFunction")

    return revoke


@pytest.fixture
def packager(platform):
    """Ask the key service as a packager, with a signature or without; the embedded cloud looks whether there is one."""

    def packager(body, *, signed=True, version="2.0"):
        url = urlsplit(platform.output("playback", "SpekeUrl"))
        api = url.netloc.partition(".")[0]
        scope = "embedded/20261123/us-east-1/execute-api/aws4_request"
        headers = {
            "host": f"{api}.execute-api.localhost",
            "content-type": "application/xml",
            "x-speke-version": version,
            **(
                {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
                if signed
                else {}
            ),
        }
        connection = http.client.HTTPConnection(urlsplit(platform.up.cloud.endpoint).netloc, timeout=30)
        connection.request("POST", url.path, body=body.encode(), headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    return packager


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def licence(viewer, session, kids):
    return viewer.post(session["license_url"], {"kids": [base64url(uuid.UUID(kid).bytes) for kid in kids]})


@pytest.fixture
def kids(viewer, published):
    manifest = viewer.get(viewer.watch(TITLE)["manifests"]["dash"]).text
    return sorted(set(re.findall(r'default_KID="([0-9a-f-]{36})"', manifest)))


def test_a_packager_gets_the_key_that_a_licence_holds(packager, viewer, kids):
    status, text = packager(document(contract("1", "1"), content_id=TITLE, kids=kids[:2]))

    assert status == 200, text
    keys = xml_reading.parse(text).iterfind("cpix:ContentKeyList/cpix:ContentKey", NAMES)
    given = {key.get("kid"): key.findtext("cpix:Data/pskc:Secret/pskc:PlainValue", "", NAMES) for key in keys}
    held = licence(viewer, viewer.watch(TITLE), kids[:2]).json["keys"]
    assert {base64.b64decode(key) for key in given.values()} == {
        base64.urlsafe_b64decode(key["k"] + "==") for key in held
    }


def test_who_does_not_sign_and_who_speaks_version_1_gets_none(packager, kids):
    asked = document(contract("1", "1"), content_id=TITLE, kids=kids[:2])

    assert packager(asked, signed=False)[0] == 403
    status, text = packager(asked, version="1.0")
    assert status == 422
    assert b"Unsupported SPEKE version" in text


def test_a_revoked_session_loses_the_edge_and_its_licence_within_a_minute(viewer, revoke, kids):
    ended, other = viewer.watch(TITLE), viewer.watch(TITLE)
    track = ended["thumbnails"]
    assert viewer.get(track).status == 200

    answer = revoke("session", ended["session_id"])

    assert [session["session_id"] for session in answer["affected"]] == [ended["session_id"]]
    edge = eventually(
        lambda: (found := viewer.get(track)).status == 403 and found,
        waiting_for="the edge to refuse",
        seconds=60,
        every=1,
    )
    assert edge.json["type"] == REVOKED
    refused = eventually(
        lambda: (found := licence(viewer, ended, kids[:1])).status == 403 and found,
        waiting_for="the licence to be refused",
        seconds=60,
        every=1,
    )
    assert refused.json["type"] == REVOKED
    assert viewer.get(other["thumbnails"]).status == 200
    assert licence(viewer, other, kids[:1]).status == 200


@pytest.fixture
def measured(revoke):
    """Revoke something, and look until it is refused everywhere; fail if that takes longer than a minute."""

    def measured(kind, subject, *, looks):
        begun = time.monotonic()
        answer = revoke(kind, subject)
        found = eventually(
            lambda: (seen := [look() for look in looks]) and all(one.status in {403, 410} for one in seen) and seen,
            waiting_for=f"{kind} to be refused",
            seconds=60,
            every=1,
        )
        assert time.monotonic() - begun < 60
        return answer, found

    return measured


def test_a_revoked_device_model_gets_no_licence_and_no_session_within_a_minute(viewer, measured, kids):
    device = {"name": f"Television {uuid.uuid4().hex}"}
    ended, other = viewer.watch(TITLE, device=device), viewer.watch(TITLE)
    assert licence(viewer, ended, kids[:1]).status == 200

    answer, refused = measured(
        "device-model",
        device["name"],
        looks=[
            lambda: licence(viewer, ended, kids[:1]),
            lambda: viewer.post(SESSIONS, {"title_id": TITLE, "device": device}),
        ],
    )

    assert [session["session_id"] for session in answer["affected"]] == [ended["session_id"]]
    assert [one.json["type"] for one in refused] == [REVOKED, REVOKED]
    assert licence(viewer, other, kids[:1]).status == 200


@pytest.fixture
def forgotten(platform, viewer):
    """Forget a revocation of a key after the test, which no command does: others play the film."""
    forgotten = []
    yield forgotten
    table = platform.resource("playback", "RevocationsTable", kind="AWS::DynamoDB::GlobalTable")
    for subject in forgotten:
        key = {"scope": {"S": "current"}, "subject": {"S": f"key#{subject}"}}
        assert platform.client("dynamodb").delete_item(TableName=table, Key=key, ReturnValues="ALL_OLD")["Attributes"]
    eventually(
        lambda: viewer.post(SESSIONS, {"title_id": TITLE}).status == 201, waiting_for="the film to play again", every=1
    )


def test_a_revoked_key_is_in_no_licence_and_opens_no_session_within_a_minute(viewer, measured, forgotten, kids):
    key = uuid.UUID(kids[0]).hex
    ended = viewer.watch(TITLE)
    assert licence(viewer, ended, kids[:1]).status == 200
    forgotten.append(key)

    answer, refused = measured(
        "key",
        key,
        looks=[lambda: licence(viewer, ended, kids[:1]), lambda: viewer.post(SESSIONS, {"title_id": TITLE})],
    )

    assert ended["session_id"] in {session["session_id"] for session in answer["affected"]}
    # The session was ended; the film has no tier that does without the key.
    assert [one.json["type"] for one in refused] == ["urn:marquee:problem:expired", REVOKED]


def test_a_session_that_does_not_run_cannot_be_revoked(platform, revoke):
    with pytest.raises(OperationError, match="NotFoundError"):
        revoke("session", "nobody")
