"""Webhooks of studios: what is posted where, and what is not."""

import json
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lambdas.common.aws import client
from lambdas.common.events import DeliveryRejected, Finding
from lambdas.ingestion import notify_handlers, webhook_client
from lambdas.ingestion.notices import letter
from lambdas.ingestion.status_environment import WebhookEnvironment
from lambdas.ingestion.webhook_client import UnreachableWebhookError, WebhookUrlError, checked_url, post
from lambdas.ingestion.webhooks import Outcome, outcome_of, slack_message, wait_s
from tests.lambdas.ingestion.test_notices import envelope
from tests.lambdas.ingestion.test_status import EVENTS, WHO

PREFIX = "/marquee/sandbox/studios"
PARAMETER = f"{PREFIX}/blender/webhook"


class TestTheMessage:
    def test_it_has_the_letter_in_it(self):
        message = slack_message(letter(EVENTS["rejected"]))
        text = json.dumps(message, ensure_ascii=False)
        assert message["text"].startswith("Delivery 2026-11-bunny was rejected")
        assert message["blocks"][0]["type"] == "header"
        for part in ("CHECKSUM_MISMATCH", "another checksum", "upload it again", "blender"):
            assert part in text

    def test_nothing_in_a_delivery_becomes_a_link_or_a_call(self):
        tricky = Finding(code="X", subject="<!channel>", message="<https://evil.example|click>", remedy="a & b")
        text = json.dumps(slack_message(letter(DeliveryRejected(**WHO, findings=(tricky,)))))
        assert "<" not in text
        assert "&lt;!channel&gt;" in text
        assert "a &amp; b" in text

    @pytest.mark.parametrize("findings", [1, 51])
    def test_it_is_within_what_slack_takes(self, findings):
        long = Finding(code="C" * 3000, subject="s" * 3000, message="m" * 3000, remedy="r" * 3000)
        message = slack_message(letter(DeliveryRejected(**WHO, findings=(long,) * findings)))
        assert len(message["blocks"]) <= 50
        for block in message["blocks"]:
            for text in [block.get("text"), *block.get("elements", ())]:
                if text:
                    assert 0 < len(text["text"]) <= (150 if block["type"] == "header" else 3000)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (301, Outcome.REFUSED),
        (307, Outcome.REFUSED),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (408, Outcome.AGAIN),
        (410, Outcome.REFUSED),
        (429, Outcome.AGAIN),
        (500, Outcome.AGAIN),
        (503, Outcome.AGAIN),
    ],
)
def test_an_answer_means_done_later_or_never(status, outcome):
    assert outcome_of(status) is outcome


def test_waits_grow_and_end():
    waits = [wait_s(attempt=attempt) for attempt in range(1, 40)]
    assert waits == sorted(waits)
    assert waits[0] < waits[1]
    assert waits[-1] == 900
    assert wait_s(attempt=1, asked=120) == 120
    assert wait_s(attempt=1, asked=86_400) == 900


class TestTheAddress:
    @pytest.mark.parametrize(
        "url",
        [
            "http://hooks.slack.com/services/T/B/x",
            "ftp://hooks.slack.com/",
            "hooks.slack.com/services",
            "https://",
            "https:///path",
            "https://user:word@hooks.slack.com/",
            "https://hooks.slack.com:8443/",
            "https://hooks.slack.com:22/",
            "https://hooks.slack.com:port/",
            "https://hooks.slack.com/a b",
            "https://hooks.slack.com/a\r\nX: y",
            "https://hooks.slack.com/" + "a" * 2000,
            "https://[::1",
            "",
        ],
    )
    def test_it_is_an_https_address_on_the_usual_port(self, url):
        with pytest.raises(WebhookUrlError):
            checked_url(url)

    def test_an_ordinary_one_is_fine(self):
        assert checked_url("https://hooks.slack.com/services/T0/B0/abc?x=1").hostname == "hooks.slack.com"

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.5.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",  # noqa: S104 - an address that is refused
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.7",
        ],
    )
    def test_a_name_that_leads_inside_is_not_called(self, monkeypatch, address):
        named(monkeypatch, "93.184.216.34", address)
        with pytest.raises(WebhookUrlError, match="not on the public internet"):
            post("https://looks-harmless.example/", {}, loopback=False)

    @pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
    @pytest.mark.usefixtures("socket_enabled")
    def test_other_spellings_of_here_lead_nowhere(self, host):
        with pytest.raises((WebhookUrlError, UnreachableWebhookError)):
            post(f"https://{host}/", {}, loopback=False)

    def test_the_address_that_was_checked_is_the_one_that_is_called(self, monkeypatch):
        named(monkeypatch, "93.184.216.34")
        called = []

        def refuse(address, **_):
            called.append(address)
            raise ConnectionRefusedError

        monkeypatch.setattr(webhook_client.socket, "create_connection", refuse)
        with pytest.raises(UnreachableWebhookError, match="did not answer"):
            post("https://hooks.example/", {}, loopback=False)
        assert called == [("93.184.216.34", 443)]

    def test_an_unknown_name_is_tried_again_later(self, monkeypatch):
        def unknown(*_, **__):
            raise socket.gaierror

        monkeypatch.setattr(webhook_client.socket, "getaddrinfo", unknown)
        with pytest.raises(UnreachableWebhookError, match="not known"):
            post("https://hooks.example/", {}, loopback=False)


def named(monkeypatch, *addresses):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(webhook_client.socket, "getaddrinfo", lambda *_, **__: found)


def drip(server):
    """Answer one caller with a status line that never ends, until it hangs up."""
    caller, _ = server.accept()
    with caller, suppress(OSError):
        caller.recv(65536)
        for byte in chain(b"HTTP/1.1 200 ", repeat(ord("O"))):
            caller.send(bytes([byte]))
            time.sleep(0.02)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a key, and its certificate for `localhost`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test's")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secured(socket_enabled, certificate, monkeypatch):
    """Let a function answer one caller over TCP; the address, and what it makes of TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    @contextmanager
    def answering(answer):
        def serve(server):
            caller, _ = server.accept()
            caller.settimeout(10)
            with caller, suppress(OSError):
                answer(caller, context)

        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(10)
            thread = threading.Thread(target=serve, args=(server,))
            thread.start()
            yield f"https://localhost:{server.getsockname()[1]}/hook"
            thread.join()

    return answering


def answer_well(caller, context):
    with context.wrap_socket(caller, server_side=True) as talk:
        while not talk.recv(65536).endswith(b"{}"):
            pass
        talk.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def say_nothing(caller, _):
    while caller.recv(65536):
        pass


def drip_the_handshake(caller, _):
    for byte in chain(b"\x16\x03\x03\x3f\xff", repeat(0)):
        caller.send(bytes([byte]))
        time.sleep(0.02)


def drip_after_the_handshake(caller, context):
    with context.wrap_socket(caller, server_side=True) as talk:
        talk.recv(65536)
        for byte in chain(b"HTTP/1.1 200 ", repeat(ord("O"))):
            talk.send(bytes([byte]))
            time.sleep(0.02)


class TestOverTls:
    """The deadline is shortened: what lasts longer than it by a second was ended by another time-out, of five."""

    @pytest.fixture(autouse=True)
    def deadline(self, monkeypatch):
        monkeypatch.setattr(webhook_client, "_DEADLINE_S", 0.4)

    @contextmanager
    def in_time(self):
        began = time.monotonic()
        with pytest.raises(UnreachableWebhookError):
            yield
        assert time.monotonic() - began < 1.4

    def test_a_letter_arrives(self, secured, monkeypatch):
        monkeypatch.setattr(webhook_client, "_DEADLINE_S", 8.0)
        with secured(answer_well) as url:
            assert post(url, {}, loopback=True).status == 204

    def test_a_certificate_of_another_name_is_refused(self, secured, monkeypatch):
        monkeypatch.setattr(webhook_client, "_DEADLINE_S", 8.0)
        with secured(answer_well) as url, pytest.raises(UnreachableWebhookError, match="CertVerification"):
            post(url.replace("localhost", "127.0.0.1"), {}, loopback=True)

    @pytest.mark.parametrize("answer", [say_nothing, drip_the_handshake, drip_after_the_handshake])
    def test_a_server_that_takes_its_time_is_given_up_on(self, secured, answer):
        with secured(answer) as url, self.in_time():
            post(url, {}, loopback=True)

    def test_so_is_one_that_took_the_connection_late(self, secured, monkeypatch):
        """Nobody hung up on it: while it was being made, there was nothing to hang up on."""
        create = socket.create_connection

        def late(address, *, timeout):
            assert timeout <= webhook_client._DEADLINE_S
            time.sleep(webhook_client._DEADLINE_S)
            return create(address, timeout=timeout)

        monkeypatch.setattr(webhook_client.socket, "create_connection", late)
        with secured(drip_the_handshake) as url, self.in_time():
            post(url, {}, loopback=True)

    def test_so_is_a_name_that_nobody_answers_for(self, monkeypatch):
        given_up = threading.Event()

        def hang(*_, **__):
            given_up.wait(10)
            raise socket.gaierror

        monkeypatch.setattr(webhook_client.socket, "getaddrinfo", hang)
        with self.in_time():
            post("https://hooks.example/", {}, loopback=False)
        given_up.set()


@pytest.fixture
def hook(socket_enabled):
    """A webhook on this machine: what it got, and how it answers."""
    hook = SimpleNamespace(got=[], status=200, headers={}, url="", silent=threading.Event())

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """The tests look at what came."""

        def do_POST(self):
            hook.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            if hook.status is None:
                hook.silent.wait(10)
                return
            self.send_response(hook.status)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.url = f"http://127.0.0.1:{server.server_port}/services/T/B/secret?a=b"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield hook
    hook.silent.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def desk(aws, deployed, context, hook):
    """The function with its queue, as Lambda calls it; `dead()` is what was set aside, with its reason."""
    sqs, ssm = client("sqs"), client("ssm")
    queue = sqs.create_queue(QueueName="webhooks", Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    deployed(WebhookEnvironment(parameter_prefix=PREFIX, dead_letters_url=dead, queue_url=queue, loopback=True))
    ssm.put_parameter(Name=PARAMETER, Value=hook.url, Type="SecureString")

    def call(*bodies):
        for body in bodies:
            sqs.send_message(QueueUrl=queue, MessageBody=body if isinstance(body, str) else json.dumps(body))
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
        records = [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:webhooks",
            }
            for message in messages
        ]
        answer = notify_handlers.webhook({"Records": records}, context)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        return [record["body"] for record in records if record["messageId"] in failed]

    def set_aside():
        messages = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return [
            (message["Body"], message["MessageAttributes"]["reason"]["StringValue"])
            for message in messages.get("Messages", ())
        ]

    return SimpleNamespace(call=call, dead=set_aside, ssm=ssm)


REJECTED = envelope(EVENTS["rejected"])


class TestDelivery:
    def test_a_letter_is_posted_to_its_studio(self, desk, hook):
        assert desk.call(REJECTED) == []
        assert hook.got == [("/services/T/B/secret?a=b", slack_message(letter(EVENTS["rejected"])))]
        assert desk.dead() == []

    def test_a_studio_without_a_webhook_is_left_alone(self, desk, hook):
        desk.ssm.delete_parameter(Name=PARAMETER)
        assert desk.call(REJECTED) == []
        assert hook.got == []
        assert desk.dead() == []

    @pytest.mark.parametrize("status", [429, 503])
    def test_what_may_succeed_later_stays_in_the_queue(self, desk, hook, status):
        hook.status, hook.headers = status, {"Retry-After": "30"}
        body = json.dumps(REJECTED)
        assert desk.call(body) == [body]
        assert desk.dead() == []

    @pytest.mark.parametrize(("status", "headers"), [(404, {}), (302, {"Location": "http://169.254.169.254/"})])
    def test_a_refusal_is_set_aside_at_once_with_its_reason(self, desk, hook, status, headers):
        hook.status, hook.headers = status, headers
        assert desk.call(REJECTED) == []
        assert len(hook.got) == 1
        assert desk.dead() == [(json.dumps(REJECTED), f"the webhook answered {status}")]

    def test_an_address_that_may_not_be_called_is_set_aside(self, desk):
        desk.ssm.put_parameter(Name=PARAMETER, Value="ftp://127.0.0.1/", Type="SecureString", Overwrite=True)
        assert desk.call(REJECTED) == []
        [(_, reason)] = desk.dead()
        assert "https" in reason

    def test_a_server_that_never_answers_is_given_up_on(self, desk, hook, monkeypatch):
        monkeypatch.setattr(webhook_client, "_DEADLINE_S", 0.2)
        hook.status = None
        began = time.monotonic()
        assert len(desk.call(REJECTED)) == 1
        assert time.monotonic() - began < webhook_client._TIMEOUT_S

    def test_a_server_that_answers_a_byte_at_a_time_is_given_up_on(self, desk, monkeypatch):
        monkeypatch.setattr(webhook_client, "_DEADLINE_S", 0.3)
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(10)
            dripping = threading.Thread(target=drip, args=(server,))
            dripping.start()
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            desk.ssm.put_parameter(Name=PARAMETER, Value=url, Type="SecureString", Overwrite=True)
            began = time.monotonic()
            assert len(desk.call(REJECTED)) == 1
            assert time.monotonic() - began < webhook_client._TIMEOUT_S
            dripping.join()

    def test_what_is_no_letter_is_set_aside(self, desk, hook):
        assert desk.call("garbage", {"detail-type": "Unknown"}) == []
        assert len(desk.dead()) == 2
        assert hook.got == []

    def test_one_that_fails_holds_up_no_other(self, desk, hook):
        other = envelope(EVENTS["rejected"].model_copy(update={"studio": "northlight"}))
        desk.ssm.put_parameter(Name=f"{PREFIX}/northlight/webhook", Value="http://127.0.0.1:9/", Type="SecureString")
        assert desk.call(other, REJECTED) == [json.dumps(other)]
        assert len(hook.got) == 1

    def test_the_address_stands_in_no_log(self, desk, hook, capsys):
        for hook.status in (200, 404, 503):
            desk.call(REJECTED)
        assert "secret" not in capsys.readouterr().out
