"""Who asks with what token: all but the pool's own, for the API's own client and for now, are refused.

The embedded Cognito keeps its pools' keys in files. With them a token can be signed that is right in all but one thing.
"""

import base64
import hmac
import json
import time
from hashlib import sha256

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.platform.viewer import TITLE, TITLES, Viewer, tokens_of
from tests.platform.waiting import eventually

pytestmark = pytest.mark.embedded

SESSIONS, DEVICES, DELIVERIES = "/api/playback/sessions", "/api/account/devices", "/api/ingest/deliveries"
AN_HOUR = 3600


class Forger:
    """Signs what a pool might say of a viewer.

    Parameters
    ----------
    key
        The pool's own, of ID tokens.
    good
        An ID token of the pool.
    """

    def __init__(self, key, *, good):
        self.key, self.good = key, good
        self.header = jwt.get_unverified_header(good)
        self.claims = jwt.decode(good, options={"verify_signature": False})

    def sign(self, *, key=None, algorithm="RS256", without=(), header=None, **claims):
        """Return the good token's claims with others, signed anew; `header` is added to what PyJWT writes."""
        said = {name: value for name, value in (self.claims | claims).items() if name not in without}
        written = {"kid": self.header["kid"], **(header or {})}
        return jwt.encode(said, key or self.key, algorithm=algorithm, headers=written)

    def sign_with_the_public_key(self):
        """Return a token whose HMAC is by what everybody knows: whoever lets the header choose takes it for good."""
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        header = {"alg": "HS256", "typ": "JWT", "kid": self.header["kid"]}
        parts = [_base64url(json.dumps(part).encode()) for part in (header, self.claims)]
        return ".".join([*parts, _base64url(hmac.digest(public, ".".join(parts).encode(), sha256))])


def _base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def tokens(platform, published, client_id):
    account, port = published.viewer, platform.up.edge.port
    return tokens_of(port=port, client_id=client_id, username=account.username, password=account.password)


@pytest.fixture(scope="module")
def forger(platform, tokens):
    pool = platform.output("playback", "UserPoolId")
    path = platform.up.cloud.work_dir / "state" / "cognito-pool-keys" / f"{pool}-id.pem"
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    return Forger(key, good=tokens["id_token"])


@pytest.fixture(scope="module")
def others_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _refused(answer):
    assert answer.status == 401, answer.body
    assert answer.headers["content-type"].startswith("application/json")
    assert set(answer.json) == {"message"}


def test_a_token_signed_by_the_pool_is_good_so_that_what_follows_is_refused_for_what_it_says(forger, thief):
    assert thief.get(TITLES, token=forger.sign()).status == 200
    assert thief.get(TITLES, token=forger.sign(exp=int(time.time()) + 60, nbf=int(time.time()) - 60)).status == 200


@pytest.mark.parametrize(
    "wrong",
    {
        "another audience": {"aud": "another-client"},
        "of several audiences none": {"aud": ["another-client", "a-third"]},
        "no audience": {"without": ("aud", "client_id")},
        "another pool": {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_another"},
        "no issuer": {"without": ("iss",)},
        "expired": {"exp": int(time.time()) - 1},
        "not yet good": {"nbf": int(time.time()) + AN_HOUR},
        "issued in the future": {"iat": int(time.time()) + AN_HOUR},
    }.items(),
    ids=lambda wrong: wrong[0],
)
def test_a_token_that_says_something_else_is_refused_although_the_pool_signed_it(forger, thief, wrong):
    _refused(thief.get(TITLES, token=forger.sign(**wrong[1])))


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_another_algorithm_is_refused_even_by_the_pools_own_key(forger, thief, algorithm):
    _refused(thief.get(TITLES, token=forger.sign(algorithm=algorithm)))


def test_a_key_that_everybody_knows_signs_nothing(forger, thief):
    _refused(thief.get(TITLES, token=forger.sign_with_the_public_key()))


@pytest.mark.parametrize("header", [{}, {"kid": "another"}, {"kid": "../../etc/passwd"}, "jwk", "jku"])
def test_a_token_does_not_bring_its_own_key(forger, thief, others_key, header):
    brought = {
        "jwk": {"jwk": json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(others_key.public_key()))},
        "jku": {"jku": "https://evil.example/jwks.json"},
    }
    said = brought[header] if isinstance(header, str) else header
    _refused(thief.get(TITLES, token=forger.sign(key=others_key, header=said)))


def test_a_viewers_token_opens_nothing_of_a_studio(forger, thief):
    _refused(thief.get(DELIVERIES, token=forger.good))
    _refused(thief.get(DELIVERIES, token=forger.sign(**{"cognito:groups": ["blender"]})))


def test_another_viewer_cannot_touch_a_session(viewer, stranger, session):
    assert stranger.ask("POST", session["heartbeat_url"]).status == 410
    # To end what one does not have is no error, and nothing ends.
    assert stranger.ask("DELETE", session["url"]).status == 204
    assert viewer.ask("POST", session["heartbeat_url"]).status == 204
    for system in ("widevine", "fairplay"):
        answer = stranger.ask("POST", f"/api/playback/license/{system}?session_id={session['session_id']}", body=b"x")
        assert answer.status == 404
        assert answer.json["type"] == "urn:marquee:problem:not-found"


def test_a_token_from_before_a_sign_out_everywhere_begins_and_renews_nothing(platform, client_id):
    cognito, pool, port = (
        platform.client("cognito-idp"),
        platform.output("playback", "UserPoolId"),
        platform.up.edge.port,
    )
    who = {"username": "leaver@example.com", "password": "L3aving!Everything"}
    account = {"UserPoolId": pool, "Username": who["username"]}
    cognito.admin_create_user(**account, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(**account, Password=who["password"], Permanent=True)
    before = tokens_of(port=port, client_id=client_id, **who)
    leaver = Viewer(port=port, token=before["id_token"])
    assert leaver.ask("DELETE", leaver.watch(TITLE)["url"]).status == 204

    def signed_out():
        # It counts in whole seconds: in the second of the sign-in itself it ends nothing.
        assert leaver.ask("DELETE", DEVICES).status == 204
        answer = leaver.post(SESSIONS, {"title_id": TITLE})
        return answer.status == 403 and answer

    answer = eventually(signed_out, waiting_for="the sign-in to end", seconds=30, every=0.5)
    assert answer.headers["content-type"] == "application/problem+json"
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": before["refresh_token"]}
    assert leaver.submit("/oauth2/token", form).status == 400
    again = tokens_of(port=port, client_id=client_id, **who)
    assert Viewer(port=port, token=again["id_token"]).watch(TITLE)["url"]
