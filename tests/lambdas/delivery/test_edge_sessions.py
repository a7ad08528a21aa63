"""Ended sessions on their way into the edge's key value store."""

import hashlib
import importlib
import json
import re
import urllib.error
from datetime import UTC, datetime
from io import BytesIO
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.errors import InvalidInputError, TransientError
from lambdas.delivery import edge_sessions, key_values, session_handlers, sigv4a
from lambdas.delivery.edge_sessions import EndedSession
from tests.lambdas.calls import asked

ARN = "arn:aws:cloudfront::123456789012:key-value-store/f64a5c1c-0000"
FAR = 4_000_000_000


@pytest.fixture
def store(monkeypatch):
    """A key value store behind its wire format; it signs nothing, but wants to be asked with its state's name."""
    state = SimpleNamespace(items={"k1": "secret"}, version=0, requests=[], conflicts=0)

    def urlopen(request, timeout):
        assert timeout <= 10
        url = urlsplit(request.full_url)
        state.requests.append(request)
        assert url.netloc == "123456789012.cloudfront-kvs.global.api.aws"
        assert unquote(url.path).startswith(f"/key-value-stores/{ARN}")
        reading = "ListKeys" if url.path.endswith("/keys") else "DescribeKeyValueStore"
        of_store = unquote(url.path).removeprefix("/key-value-stores/").removesuffix("/keys")
        asked("cloudfront-keyvaluestore", "UpdateKeys" if request.method == "POST" else reading, KvsARN=of_store)
        if request.method == "POST":
            if state.conflicts:
                state.conflicts -= 1
                state.version += 1
            if request.get_header("If-match") != f"v{state.version}":
                raise urllib.error.HTTPError(request.full_url, 409, "Conflict", {}, BytesIO())
            change = json.loads(request.data)
            assert len(change["Puts"]) + len(change["Deletes"]) <= 50
            state.items |= {put["Key"]: put["Value"] for put in change["Puts"]}
            for gone in change["Deletes"]:
                del state.items[gone["Key"]]
            state.version += 1
        body = {}
        if url.path.endswith("/keys") and request.method == "GET":
            first = int(parse_qs(url.query).get("NextToken", ["0"])[0])
            keys = sorted(state.items)[first : first + 50]
            more = {"NextToken": str(first + 50)} if len(state.items) > first + 50 else {}
            body = {"Items": [{"Key": key, "Value": state.items[key]} for key in keys], **more}
        answer = BytesIO(json.dumps(body).encode())
        answer.headers = {"etag": f"v{state.version}"}
        return answer

    monkeypatch.setattr(key_values.urllib.request, "urlopen", urlopen)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("KEY_VALUE_STORE_ARN", ARN)
    return state


def end(context, *sessions):
    return session_handlers.end_sessions(
        {"sessions": [{"session_id": name, "expires_at": until} for name, until in sessions]}, context
    )


def test_ended_sessions_come_into_the_store_and_those_that_are_over_leave_it(store, context):
    store.items |= {"revoked.old": "1000", "revoked.running": str(FAR)}

    assert end(context, ("a", FAR), ("b", FAR), ("over", 1000)) == {"changed": 3}

    assert store.items == {"k1": "secret", "revoked.running": str(FAR), "revoked.a": str(FAR), "revoked.b": str(FAR)}
    assert end(context, ("a", FAR)) == {"changed": 0}


def test_hundreds_are_written_in_parts_that_the_store_takes(store, context):
    assert end(context, *((f"s{n}", FAR) for n in range(120))) == {"changed": 120}
    assert len(store.items) == 121


def test_a_change_of_somebody_elses_is_not_overwritten(store, context):
    store.conflicts = 2

    assert end(context, ("a", FAR)) == {"changed": 1}
    assert "revoked.a" in store.items

    store.conflicts = 100
    with pytest.raises(TransientError):
        end(context, ("b", FAR))


@pytest.mark.parametrize("name", ["", "k1.x", "a/b", "a b", "ä"])
def test_an_id_that_is_none_is_refused(store, context, name):
    with pytest.raises(InvalidInputError):
        end(context, (name, FAR))
    assert not store.requests


@given(
    ended=st.lists(st.tuples(st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True), st.integers(1, 100)), max_size=130),
    known=st.dictionaries(
        st.from_regex(r"(revoked\.)[A-Za-z0-9_-]{1,8}", fullmatch=True), st.integers(1, 100).map(str), max_size=130
    ),
)
def test_after_the_changes_the_store_holds_what_is_to_be_refused_and_nothing_else(ended, known):
    sessions = [EndedSession(session_id=name, expires_at=until) for name, until in dict(ended).items()]
    after = {"k1": "secret", **known}

    for change in edge_sessions.changes(sessions, known=after.copy(), now=50):
        assert len(change["Puts"]) + len(change["Deletes"]) <= edge_sessions.AT_ONCE
        for gone in change["Deletes"]:
            if int(after[gone["Key"]]) <= 50:
                del after[gone["Key"]]
        after |= {put["Key"]: put["Value"] for put in change["Puts"]}

    expected = {key: value for key, value in known.items() if int(value) > 50}
    expected |= {f"revoked.{name}": str(until) for name, until in dict(ended).items() if until > 50}
    assert after == {"k1": "secret", **expected}


def signed(now, **more):
    return sigv4a.signed_headers(
        method="GET",
        url="https://h.example/key-value-stores/arn%3Aaws/keys?MaxResults=50&NextToken=a%2Fb",
        body=b"",
        headers={"content-type": "application/json"},
        credentials=sigv4a.Credentials(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG", **more),
        service="cloudfront-keyvaluestore",
        now=now,
    )


def test_the_signature_is_the_sdks():
    """What `awscrt` signs with the same credentials is a signature by our key over what we sign."""
    auth = pytest.importorskip("awscrt.auth", reason="needs awscrt: pip install -r requirements-sandbox.txt")
    http = importlib.import_module("awscrt.http")
    now = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    ours = signed(now, token="a-token")
    request = http.HttpRequest(
        "GET",
        "/key-value-stores/arn%3Aaws/keys?MaxResults=50&NextToken=a%2Fb",
        http.HttpHeaders([("host", "h.example"), ("content-type", "application/json")]),
    )
    config = auth.AwsSigningConfig(
        algorithm=auth.AwsSigningAlgorithm.V4_ASYMMETRIC,
        signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=auth.AwsCredentialsProvider.new_static("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "a-token"),
        region="*",
        service="cloudfront-keyvaluestore",
        date=now,
        use_double_uri_encode=True,
        signed_body_header_type=auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
    )
    auth.aws_sign_request(request, config).result(10)
    theirs = {name.lower(): value for name, value in request.headers}

    mine, other = (re.fullmatch(r"(.*), Signature=([0-9a-f]+)", found["authorization"]) for found in (ours, theirs))
    assert mine[1] == other[1]
    key = sigv4a.signing_key("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG").public_key()
    to_sign = string_to_sign(ours, now)
    for signature in (mine[2], other[2]):
        key.verify(bytes.fromhex(signature), to_sign, ec.ECDSA(hashes.SHA256()))


def string_to_sign(headers, now):
    """As the specification spells it, out of the headers that were sent."""
    names = re.search(r"SignedHeaders=([^,]+)", headers["authorization"])[1].split(";")
    canonical = "\n".join(
        [
            "GET",
            "/key-value-stores/arn%253Aaws/keys",
            "MaxResults=50&NextToken=a%2Fb",
            *(f"{name}:{headers[name]}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(b"").hexdigest(),
        ]
    )
    lines = (
        "AWS4-ECDSA-P256-SHA256",
        f"{now:%Y%m%dT%H%M%SZ}",
        f"{now:%Y%m%d}/cloudfront-keyvaluestore/aws4_request",
        hashlib.sha256(canonical.encode()).hexdigest(),
    )
    return "\n".join(lines).encode()
