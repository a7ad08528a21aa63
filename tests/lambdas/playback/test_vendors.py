"""DRM vendors: a fake one on this machine, which reads requests as a vendor does, and what becomes of its moods."""

import base64
import contextlib
import hashlib
import hmac
import json
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.aws import client
from lambdas.common.errors import ForbiddenError, NotOfferedError
from lambdas.playback import handlers, licences, revocation_store, revocations, vendor_handlers, vendors
from lambdas.playback.vendors import Breaker, System, VendorAwayError, Vendors

KEY = "a-key-that-was-agreed-on-with-the-vendor"


@pytest.fixture(autouse=True)
def no_sockets(socket_enabled):
    """Here the vendor is real, on loopback; AWS is moto all the same."""


@pytest.fixture(scope="module")
def vendor():
    """A vendor's licence server: it checks the signature, and makes "licences" that say what they are for."""
    state = SimpleNamespace(status=200, asked=[], hang=threading.Event(), hangs=False)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            entitlement = self.headers["x-marquee-entitlement"]
            digest = hashlib.sha256(body).hexdigest()
            signed = "\n".join((self.path, self.headers["x-marquee-time"], digest, entitlement))
            good = hmac.compare_digest(
                hmac.digest(KEY.encode(), signed.encode(), "sha256").hex(), self.headers["x-marquee-signature"]
            )
            fresh = abs(time.time() - int(self.headers["x-marquee-time"])) < 60
            state.asked.append(json.loads(base64.urlsafe_b64decode(entitlement)))
            if state.hangs:
                state.hang.wait(10)
            self.send_response(state.status if good and fresh and self.headers["x-marquee-key-id"] == "m1" else 403)
            if state.status == 302:
                self.send_header("location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
            licence = b"licence for " + body
            self.send_header("content-length", str(len(licence)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):
                self.wfile.write(licence)

        def log_message(self, *_):
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}/license"
        yield state
        state.hang.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def configure(aws, vendor, monkeypatch):
    """Write the vendors' secret, and let the functions find it."""
    vendor.status, vendor.hangs, vendor.asked = 200, False, []

    def configure(*urls, key=KEY, certificate=None, systems=("widevine", "playready")):
        settings = {
            "vendors": [
                {"name": f"v{n}", "url": url, "systems": systems, "key_id": "m1", "key": key}
                for n, url in enumerate(urls)
            ],
            "fairplay_certificate": certificate,
        }
        made = client("secretsmanager").create_secret(
            Name=f"vendors-{time.monotonic_ns()}", SecretString=json.dumps(settings)
        )
        monkeypatch.setenv("VENDORS_SECRET_ARN", made["ARN"])

    monkeypatch.delenv("VENDORS_SECRET_ARN", raising=False)
    return configure


@pytest.fixture
def ask(published, lambda_context, call):
    """Ask for a licence with a session of one's own."""

    def ask(
        system="widevine", *, body=b"challenge \xff", viewer="viewer-1", session_id=None, base64_encoded=True, **query
    ):
        session = session_id or call(handlers.create_session, body={"title_id": published.title_id}).json["session_id"]
        answer = vendor_handlers.vendor_license(
            {
                "requestContext": {
                    "requestId": "r",
                    "authorizer": {"jwt": {"claims": {"sub": viewer} if viewer else {}}},
                },
                "pathParameters": {"system": system},
                "queryStringParameters": {"session_id": session, **query},
                "body": base64.b64encode(body).decode() if base64_encoded else body,
                "isBase64Encoded": base64_encoded,
            },
            lambda_context,
        )
        good = answer["statusCode"] == 200
        content = base64.b64decode(answer["body"]) if good else json.loads(answer["body"])
        return SimpleNamespace(status=answer["statusCode"], content=content, session_id=session)

    return ask


def test_a_challenge_is_passed_on_signed_with_what_the_session_may_have(configure, ask, vendor, published):
    configure(vendor.url)

    answer = ask("playready")

    assert (answer.status, answer.content) == (200, b"licence for challenge \xff")
    [said] = vendor.asked
    assert (said["system"], said["session_id"], said["content_id"]) == (
        "playready",
        answer.session_id,
        published.title_id,
    )
    assert sorted(said["key_ids"]) == sorted(published.key_ids.values())
    assert said["persistent"] is False


def test_a_session_names_the_address_of_every_system_where_there_is_a_vendor(
    configure, ask, vendor, published, call, monkeypatch
):
    monkeypatch.setenv("VENDOR_LICENCES", "true")
    configure(vendor.url, systems=tuple(vendors.System))

    session = call(handlers.create_session, body={"title_id": published.title_id}).json

    clearkey, *others = session["license_urls"].items()
    assert clearkey == ("org.w3.clearkey", session["license_url"])
    assert [system for system, _ in others] == ["com.widevine.alpha", "com.microsoft.playready", "com.apple.fps"]
    for _, url in others:
        path, _, query = url.partition("?session_id=")
        assert query == session["session_id"]
        assert ask(path.removeprefix("/api/playback/license/"), session_id=query).status == 200
    assert [said["system"] for said in vendor.asked] == [*vendors.System]


def test_the_vendor_is_told_the_terms_of_a_licence_as_ours_has_them(configure, ask, vendor, kept):
    configure(vendor.url)
    before = int(time.time())

    session_id = ask().session_id
    ask(session_id=session_id, type="persistent-license")
    kept(session_id, rights_until=before + 3600)
    ask(session_id=session_id, type="persistent-license")

    ends = kept(session_id).expires_at
    of_session, to_keep, with_its_rights = (
        (said["persistent"], said["expires_at"], said["renew_at"]) for said in vendor.asked
    )
    # The test's sessions last as long as a licence: the first one's is its last.
    assert of_session == (False, ends, None)
    persistent, expires_at, renew_at = to_keep
    assert (persistent, renew_at) == (True, None)
    assert before + 48 * 3600 <= expires_at <= time.time() + 48 * 3600
    assert with_its_rights == (True, before + 3600, None)


def test_a_vendor_is_told_when_a_licence_that_ends_before_its_session_is_renewed(configure, ask, vendor, kept):
    configure(vendor.url)
    session_id = ask().session_id
    kept(session_id, expires_at=int(time.time()) + 4 * 3600)

    ask(session_id=session_id)

    said = vendor.asked[-1]
    assert said["expires_at"] - time.time() == pytest.approx(licences.LICENCE_S, abs=60)
    assert said["expires_at"] - said["renew_at"] == licences.RENEW_BEFORE_S


def test_a_licence_to_keep_is_refused_where_the_plan_has_none_and_no_vendor_is_asked(configure, ask, vendor, kept):
    configure(vendor.url)
    session_id = ask().session_id
    kept(session_id, offline_s=0)
    vendor.asked = []

    answer = ask(session_id=session_id, type="persistent-license")

    assert (answer.status, answer.content["type"]) == (403, "urn:marquee:problem:offline-refused")
    assert ask(session_id=session_id, type="for-ever").content["errors"][0]["field"] == "type"
    assert not vendor.asked


def test_without_a_vendor_the_route_says_that_it_is_not_offered(aws, ask, monkeypatch):
    monkeypatch.setenv("VENDORS_SECRET_ARN", "")

    answer = ask()

    assert (answer.status, answer.content["type"]) == (404, "urn:marquee:problem:not-offered")


def test_a_system_that_no_vendor_has_is_not_offered_and_an_unknown_one_is_named(configure, ask, vendor):
    configure(vendor.url)

    assert ask("fairplay").status == 404
    assert ask("other").content["errors"][0]["field"] == "system"
    assert not vendor.asked


def test_another_viewers_session_and_a_revoked_one_get_nothing(configure, ask, vendor):
    configure(vendor.url)
    session_id = ask().session_id
    vendor.asked = []

    assert ask(session_id=session_id, viewer="viewer-2").status == 404
    assert ask(session_id=session_id, viewer=None).status == 403
    revocation = revocations.Revocation(kind="session", subject=session_id, by="a", reason="b", revoked_at=1)
    revocation_store.RevocationTable("revocations").put(revocation, expires_at=None)
    revocation_store._read.clear()
    assert ask(session_id=session_id).content["type"] == "urn:marquee:problem:revoked"
    assert not vendor.asked


@pytest.mark.parametrize("body", [b"", b"x" * (vendors.MAX_CHALLENGE_BYTES + 1)])
def test_a_challenge_of_another_size_is_refused(configure, ask, vendor, body):
    configure(vendor.url)
    assert ask(body=body).status == 422
    assert ask(body="%", base64_encoded=False).status == 200


def test_what_the_vendor_refuses_is_refused_and_no_other_is_asked(configure, ask, vendor):
    configure(vendor.url, vendor.url)
    vendor.status = 403

    assert ask().status == 403
    assert len(vendor.asked) == 1


@pytest.mark.parametrize("status", [302, 429, 500, 503])
def test_a_vendor_with_trouble_of_its_own_is_away_and_a_redirection_is_not_followed(configure, ask, vendor, status):
    configure(vendor.url)
    vendor.status = status

    assert ask().status == 503
    assert len(vendor.asked) == 1


def test_a_signature_by_another_key_is_refused(configure, ask, vendor):
    configure(vendor.url, key="x" * 40)
    assert ask().status == 403


def test_where_one_vendor_is_away_the_second_answers(configure, ask, vendor):
    configure("http://127.0.0.1:9/license", vendor.url)

    assert ask().status == 200


def test_a_vendor_that_hangs_is_not_waited_for(configure, ask, vendor, monkeypatch):
    monkeypatch.setattr(vendors, "_PATIENCE_S", 0.1)
    configure(vendor.url)
    vendor.hangs = True

    answer = ask()

    assert (answer.status, answer.content["title"]) == (503, "Try again")


@pytest.fixture
def dripping():
    """A vendor that never ends its answer, a byte at a time, from some place of it on."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(65536)
            self.server.asked += 1
            self.request.sendall(self.server.whole)
            with contextlib.suppress(OSError):
                for _ in range(500):
                    self.request.sendall(b"x")
                    time.sleep(0.02)
            self.server.left.set()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.asked, server.left = 0, threading.Event()
        server.url = f"http://127.0.0.1:{server.server_address[1]}/license"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "whole", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n"]
)
def test_a_vendor_whose_answer_drips_is_left_in_time_and_the_next_one_asked(
    configure, ask, vendor, dripping, monkeypatch, whole
):
    monkeypatch.setattr(vendors, "_PATIENCE_S", 0.2)
    dripping.whole = whole
    configure(dripping.url, vendor.url)
    session_id = ask().session_id
    begun = time.monotonic()

    for _ in range(vendors.FAILURES_TO_OPEN + 2):
        assert ask(session_id=session_id).status == 200

    assert dripping.asked == vendors.FAILURES_TO_OPEN
    # Dripping, one answer alone would take ten seconds.
    assert time.monotonic() - begun < 8
    assert dripping.left.wait(5), "the line is cut, and not only no longer listened to"


def test_a_vendor_that_is_cut_off_in_its_answer_is_away(configure, ask, dripping, monkeypatch):
    monkeypatch.setattr(vendors, "_PATIENCE_S", 0.2)
    dripping.whole = b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n"
    configure(dripping.url)

    assert ask().status == 503


def test_the_certificate_is_apples_or_not_offered(configure, vendor, lambda_context):
    configure(vendor.url, certificate=base64.b64encode(b"certificate").decode())
    answer = vendor_handlers.fairplay_certificate({}, lambda_context)
    assert base64.b64decode(answer["body"]) == b"certificate"

    configure(vendor.url)
    assert vendor_handlers.fairplay_certificate({}, lambda_context)["statusCode"] == 404


class Moody:
    """A vendor that does as it is told."""

    def __init__(self):
        self.mood, self.asked = None, 0

    def offers(self, system):
        return system is not System.FAIRPLAY

    def licence(self, _challenge):
        self.asked += 1
        if self.mood:
            raise self.mood("a mood")
        return b"licence"


def challenge(system=System.WIDEVINE):
    terms = licences.LicenceTerms(persistent=False, expires_at=1, renew_at=None)
    return vendors.Challenge(system=system, body=b"c", session=None, key_ids=(), terms=terms)


def test_a_vendor_that_fails_again_and_again_is_left_alone_for_a_while():
    clock = SimpleNamespace(now=0.0)
    first, second = Moody(), Moody()
    both = Vendors([first, second], clock=lambda: clock.now)
    first.mood = VendorAwayError

    for _ in range(vendors.FAILURES_TO_OPEN + 10):
        assert both.licence(challenge()) == b"licence"
    assert first.asked == vendors.FAILURES_TO_OPEN

    clock.now = vendors.COOL_DOWN_S
    both.licence(challenge())
    both.licence(challenge())
    assert first.asked == vendors.FAILURES_TO_OPEN + 1

    first.mood = None
    clock.now *= 2
    asked = second.asked
    both.licence(challenge())
    both.licence(challenge())
    assert second.asked == asked


def test_refusals_are_answers_and_open_nothing():
    one = Moody()
    one.mood = ForbiddenError
    alone = Vendors([one])

    for _ in range(vendors.FAILURES_TO_OPEN + 1):
        with pytest.raises(ForbiddenError):
            alone.licence(challenge())
    assert one.asked == vendors.FAILURES_TO_OPEN + 1
    with pytest.raises(NotOfferedError):
        alone.licence(challenge(System.FAIRPLAY))


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20)), max_size=60))
def test_a_breaker_admits_at_most_one_in_its_time_once_it_is_open(requests):
    breaker, now, failures, last = Breaker(), 0.0, 0, None
    for good, later in requests:
        now += later
        admitted = breaker.admits(now)
        if failures < vendors.FAILURES_TO_OPEN:
            assert admitted
        elif admitted:
            assert now - last >= vendors.COOL_DOWN_S
        if admitted:
            breaker.note(good=good, now=now)
            failures, last = (0 if good else failures + 1), now
