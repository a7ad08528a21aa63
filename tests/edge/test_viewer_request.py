"""The edge function itself, run by nginx njs as it is deployed, against tokens that the playback API mints."""

import base64
import json
import time

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.playback.tokens import media_base, pathway_key
from tests.edge.conftest import ENDED_SESSION, FAR_END, FUNCTION

pytestmark = pytest.mark.embedded

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SEGMENT = "/film/v1/video/1080p/1.m4s"
# The machine may be busy, and what is shared between examples is the running edge.
AGAINST_NGINX = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FAR = int(time.time()) + 3600
CLAIMS = {"sid": "s", "pth": "/film/v1/", "iat": FAR - 7200, "exp": FAR, "aud": "edge"}


def b64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed(key, *, claims=CLAIMS, kid="k1", algorithm="HS256", headers=None, **change):
    return jwt.encode({**claims, **change}, key, algorithm=algorithm, headers={"kid": kid, **(headers or {})})


@pytest.fixture
def token(token_of, edge_key):
    return token_of(edge_key)


@pytest.fixture
def status(ask):
    return lambda token, path=SEGMENT: ask(f"/media/{token}{path}").status


def test_the_function_fits_into_cloudfront():
    assert FUNCTION.stat().st_size < 10_240


def test_a_minted_token_opens_every_object_of_its_version(ask, token):
    base = media_base(token).rstrip("/")

    for path in (SEGMENT, "/film/v1/manifests/master.m3u8", "/film/v1/subtitles/en-GB.vtt", "/film/v1/a_b-c.mp4"):
        answer = ask(base + path)
        assert (answer.status, answer.body) == (200, f"the object at /media{path}".encode())


@pytest.mark.parametrize(
    "path",
    [
        "/film/v2/video/1.m4s",
        "/film/v10/video/1.m4s",
        "/other/v1/video/1.m4s",
        "/film/v1",
        "/film/v1/",
        "/",
        "",
        "/film/v1/../../other/v1/1.m4s",
        "/film/v1/%2e%2e/%2e%2e/other/v1/1.m4s",
        "/film/v1/..%2f..%2fother/v1/1.m4s",
        "/film/v1/%252e%252e/x.m4s",
        "/film/v1/./x.m4s",
        "/film/v1//x.m4s",
        "//film/v1/x.m4s",
        "/film/v1/.hidden",
        "/film/v1/a%2fb.m4s",
        "/film/v1/a%00.m4s",
        "/film/v1/a\\..\\b.m4s",
        "/film/v1/a;b.m4s",
    ],
)
def test_a_token_opens_nothing_else(ask, origin, token, path):
    before = len(origin.requests)

    assert ask(f"/media/{token}{path}").status in {400, 403}
    assert len(origin.requests) == before


@pytest.mark.parametrize(
    "pth", ["/", "/film/", "/film/v1", "film/v1/", "//v1/", "/film/v1/video/", "", None, 7, [], ["/film/v1/"]]
)
def test_a_path_claim_that_is_no_version_opens_nothing(status, edge_key, pth):
    assert status(signed(edge_key.key, pth=pth)) == 403


@pytest.mark.parametrize("aud", ["playback", "", None, ["edge"], "EDGE"])
def test_a_token_for_somebody_else_is_refused(status, edge_key, aud):
    header = {"alg": "HS256", "typ": "JWT", "kid": "k1"}
    assert status(by_hand(edge_key.key, header, {**CLAIMS, "aud": aud})) == 403


@pytest.mark.parametrize("claim", ["aud", "exp", "pth"])
def test_no_claim_may_be_missing(status, edge_key, claim):
    claims = {name: value for name, value in CLAIMS.items() if name != claim}

    assert status(signed(edge_key.key, claims=claims)) == 403


def test_the_tests_own_tokens_are_good_but_for_what_each_test_changes(status, edge_key):
    assert status(signed(edge_key.key)) == 200
    assert status(by_hand(edge_key.key, {"alg": "HS256", "kid": "k1"}, CLAIMS)) == 200
    assert status(signed("f" * 64, kid="k0")) == 200


def test_an_expired_token_is_refused_and_says_so(ask, edge_key):
    answer = ask(f"/media/{signed(edge_key.key, exp=int(time.time()) - 1)}{SEGMENT}")

    assert answer.status == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    problem = json.loads(answer.body)
    assert problem["status"] == 403
    assert "expired" in problem["detail"]


def test_a_forged_token_does_not_learn_that_it_has_expired(ask):
    answer = ask(f"/media/{signed('0' * 64, exp=1)}{SEGMENT}")

    assert "expired" not in json.loads(answer.body)["detail"]


@pytest.mark.parametrize("exp", [str(FAR), None, True, [FAR]], ids=["text", "none", "true", "list"])
def test_an_expiry_that_is_no_number_is_refused(status, edge_key, exp):
    assert status(by_hand(edge_key.key, {"alg": "HS256", "kid": "k1"}, {**CLAIMS, "exp": exp})) == 403


def test_a_token_that_is_not_valid_yet_is_refused_and_says_so(ask, edge_key):
    answer = ask(f"/media/{signed(edge_key.key, nbf=FAR - 60)}{SEGMENT}")

    assert answer.status == 403
    assert "not valid yet" in json.loads(answer.body)["detail"]


def test_one_that_has_become_valid_is_good(status, edge_key):
    assert status(signed(edge_key.key, nbf=int(time.time()))) == 200
    assert status(signed(edge_key.key, nbf=0)) == 200


@pytest.mark.parametrize("nbf", ["0", None, False, [0], {}], ids=["text", "null", "false", "list", "object"])
def test_a_beginning_that_is_no_number_is_refused(status, edge_key, nbf):
    assert status(by_hand(edge_key.key, {"alg": "HS256", "kid": "k1"}, {**CLAIMS, "nbf": nbf})) == 403


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused_even_if_rightly_signed(status, edge_key, algorithm):
    assert status(signed(edge_key.key, algorithm=algorithm)) == 403


@pytest.mark.parametrize("alg", ["none", "None", "hs256", "", None, ["HS256"]])
@pytest.mark.parametrize("signature", ["", "AA", None])
def test_the_token_does_not_choose_the_algorithm(status, edge_key, alg, signature):
    token = by_hand(edge_key.key, {"alg": alg, "kid": "k1"}, CLAIMS)
    if signature is not None:
        token = f"{token.rpartition('.')[0]}.{signature}"

    assert status(token) == 403


@pytest.mark.parametrize("kid", ["k2", "", None, 1, "__proto__", "constructor", "toString", "../k1", "k1 ", "k" * 65])
def test_an_unknown_key_is_refused(status, edge_key, kid):
    assert status(by_hand(edge_key.key, {"alg": "HS256", "kid": kid}, CLAIMS)) == 403


def test_the_token_of_a_further_pathway_opens_nothing_here(status, token_of, edge_key):
    assert status(token_of(pathway_key(edge_key, pathway_id="isp-1"))) == 403
    assert status(token_of(edge_key)) == 200


def test_a_key_signs_only_under_its_own_id(status, edge_key):
    assert status(signed(edge_key.key, kid="k0")) == 403


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "...",
        "e30.e30.e30",
        f"{b64url(b'null')}.{b64url(b'null')}.AA",
        f"{b64url(b'[]')}.{b64url(b'1')}.AA",
        f"{b64url(bytes([0xFF, 0xFE]))}.AA.AA",
        "a" * 1025 + ".b.c",
        "a" * 4000,
    ],
)
def test_what_is_no_token_is_refused(status, token):
    assert status(token) == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda good: f"{good}A",
        lambda good: f"{good}=",
        lambda good: f"{good}.AA",
        lambda good: good[:-1],
        lambda good: good.rpartition(".")[0],
        lambda good: good.rpartition(".")[0] + ".",
        lambda good: f".{good}",
    ],
)
def test_a_good_token_with_a_part_more_or_less_is_refused(status, token, change):
    assert status(token) == 200
    assert status(change(token)) == 403


@pytest.mark.parametrize("payload", [b"null", b"[]", b'"edge"', b"1", b"{", b""])
def test_a_signed_payload_that_is_no_object_is_refused(status, edge_key, payload):
    assert status(raw(edge_key.key, {"alg": "HS256", "kid": "k1"}, payload)) == 403


def test_a_token_that_is_longer_than_ours_can_be_is_refused(status, edge_key):
    assert status(signed(edge_key.key, pad="s" * 600)) == 200
    assert status(signed(edge_key.key, pad="s" * 1200)) == 403


@AGAINST_NGINX
@given(data=st.data())
def test_any_flipped_bit_makes_a_token_worthless(status, edge_key, data):
    parts = signed(edge_key.key).split(".")
    part = data.draw(st.integers(0, 2), label="part")
    content = bytearray(unb64url(parts[part]))
    bit = data.draw(st.integers(0, len(content) * 8 - 1), label="bit")
    content[bit // 8] ^= 1 << bit % 8
    parts[part] = b64url(bytes(content))

    assert status(".".join(parts)) == 403


@AGAINST_NGINX
@given(data=st.data())
def test_any_other_spelling_makes_a_token_worthless(status, edge_key, data):
    # Also the last character of a part, where base64url has bits that no byte uses.
    token = signed(edge_key.key)
    places = [i for i, character in enumerate(token) if character != "."]
    place = data.draw(st.sampled_from([*places[-3:], *places]), label="place")
    other = data.draw(st.sampled_from(ALPHABET.replace(token[place], "")), label="character")

    assert status(token[:place] + other + token[place + 1 :]) == 403


@AGAINST_NGINX
@given(tail=st.lists(st.sampled_from([*"./%\\;~abv12", "..", "%2e", "%2f", "%5c", "film", "v1"]), max_size=12))
def test_however_a_path_is_spelled_the_bucket_shows_nothing_but_the_version(ask, origin, edge_key, tail):
    before = len(origin.requests)

    answer = ask(f"/media/{signed(edge_key.key)}/film/v1/{''.join(tail)}")

    assert answer.status in {200, 400, 403}
    for request in origin.requests[before:]:
        assert not request.path.startswith("/media/") or (
            request.path.startswith("/media/film/v1/") and ".." not in request.path.split("/")
        )


def raw(key, header, payload):
    """Sign a header and payload of any form with HMAC-SHA256, whatever the header says."""
    body = f"{b64url(json.dumps(header).encode())}.{b64url(payload)}"
    algorithm = jwt.get_algorithm_by_name("HS256")
    return f"{body}.{b64url(algorithm.sign(body.encode(), algorithm.prepare_key(key)))}"


def by_hand(key, header, claims):
    return raw(key, header, json.dumps(claims).encode())


def test_a_session_that_was_ended_is_refused_and_told_so(ask, token_of, edge_key):
    answer = ask(f"/media/{token_of(edge_key, session_id=ENDED_SESSION)}{SEGMENT}")

    assert answer.status == 403
    assert json.loads(answer.body)["type"] == "urn:marquee:problem:revoked"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("sid", [None, "", 7, [], "a.b", "a/b", "s" * 129])
def test_a_token_that_names_no_session_is_refused(status, edge_key, sid):
    assert status(signed(edge_key.key, sid=sid)) == 403


def test_the_entry_of_an_ended_session_is_no_key(status):
    """Its value is known to whoever knows when the session would have ended."""
    header = {"alg": "HS256", "typ": "JWT", "kid": f"revoked.{ENDED_SESSION}"}
    assert status(by_hand(FAR_END, header, CLAIMS)) == 403
