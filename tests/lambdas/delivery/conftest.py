"""CloudFormation's end of the custom resource contract, as a web server on loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest


@pytest.fixture(autouse=True)
def no_sockets(socket_enabled):
    """Unlike all other handlers, delivery's speaks HTTP itself: here to `cloudformation`, on loopback."""


@pytest.fixture
def cloudformation():
    """What was answered (`answers`), with which content type, and the URL to answer to."""
    received = SimpleNamespace(answers=[], content_types=[], status=200)

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            received.answers.append(json.loads(body))
            received.content_types.append(self.headers["content-type"])
            self.send_response(received.status)
            self.end_headers()

        def log_message(self, *_):
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        received.url = f"http://127.0.0.1:{server.server_port}/answer?signature=secret-signature"
        yield received
        server.shutdown()
        thread.join()


@pytest.fixture
def request_(cloudformation):
    """Return CloudFormation's request of one kind."""

    def request_(kind, properties, **more):
        return {
            "RequestType": kind,
            "ResponseURL": cloudformation.url,
            "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1",
            "RequestId": "request-1",
            "ResourceType": "Custom::EdgeKeys",
            "LogicalResourceId": "EdgeKeys",
            "ServiceToken": "arn",
            "ResourceProperties": properties,
            **more,
        }

    return request_
