"""A viewer's device: it signs in, and asks the edge for everything, as the player does."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

TITLE = "big-buck-bunny"
"""The published film's id."""
TITLES = "/api/catalog/titles"
TOKEN = "/oauth2/token"
SESSIONS = "/api/playback/sessions"

_TIMEOUT_S = 30
_PLACES = 2
"""Of a viewer's plan, those that these tests use: of more sessions, the oldest makes place."""


@dataclass(frozen=True)
class Answer:
    """What the edge answered; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Viewer:
    """Asks the edge, in the name of whoever signed in."""

    def __init__(self, *, port: int, token: str | None = None) -> None:
        self._port = port
        self.token = token
        self._watching: list[str] = []

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """Ask for `path`; a `body` that is no bytes is sent as JSON, `token` is used in place of the viewer's."""
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        bearer = token or self.token
        sent = {
            **({"authorization": f"Bearer {bearer}"} if bearer else {}),
            **({"content-type": "application/json"} if raw is not None else {}),
            **(headers or {}),
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, path, body=raw, headers=sent)
            answer = connection.getresponse()
            return Answer(
                status=answer.status,
                headers={name.lower(): value for name, value in answer.getheaders()},
                body=answer.read(),
            )
        finally:
            connection.close()

    def get(self, path: str, **options: Any) -> Answer:
        return self.ask("GET", path, **options)

    def post(self, path: str, body: object, **options: Any) -> Answer:
        return self.ask("POST", path, body=body, **options)

    def submit(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send a form."""
        content_type = {"content-type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, body=urlencode(form).encode(), headers=content_type)

    def watch(self, title_id: str, **said: object) -> dict[str, Any]:
        """Open a session and return its answer; end an older one, if there are as many as the viewer may have."""
        while len(self._watching) >= _PLACES:
            assert self.ask("DELETE", self._watching.pop(0)).status == 204
        answer = self.post(SESSIONS, {"title_id": title_id, **said})
        assert answer.status == 201, answer.body
        session: dict[str, Any] = answer.json
        self._watching.append(session["url"])
        return session


def sign_in(*, port: int, client_id: str, username: str, password: str) -> str:
    """Sign a viewer in as the page does, by a code of the managed login, and return an access token."""
    token: str = tokens_of(port=port, client_id=client_id, username=username, password=password)["access_token"]
    return token


def tokens_of(*, port: int, client_id: str, username: str, password: str) -> dict[str, Any]:
    """Return all that the token endpoint gives for a code."""
    form = code_form(port=port, client_id=client_id, username=username, password=password)
    answer = Viewer(port=port).submit(TOKEN, form)
    assert answer.status == 200, answer.body
    tokens: dict[str, Any] = answer.json
    return tokens


def code_form(*, port: int, client_id: str, username: str, password: str) -> dict[str, str]:
    """Sign a viewer in, and return what the page then sends for its tokens: the code, and what it was asked with."""
    at_edge, page, verifier = Viewer(port=port), f"http://127.0.0.1:{port}/", secrets.token_urlsafe(32)
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": page,
        "scope": "openid email",
        "state": secrets.token_urlsafe(32),
        "code_challenge": digest.decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    answer = at_edge.get(f"/oauth2/authorize?{urlencode(asked)}")
    assert answer.status == 200, answer.body
    back = at_edge.submit("/login", {**asked, "username": username, "password": password})
    assert back.status == 302, back.body
    returned = dict(parse_qsl(urlsplit(back.headers["location"]).query))
    assert returned["state"] == asked["state"]
    return {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": returned["code"],
        "redirect_uri": page,
        "code_verifier": verifier,
    }


def studio_sign_in(*, port: int, client_id: str, username: str, password: str) -> str:
    """Sign a studio in as the dashboard does, by its password, and return an access token."""
    answer = Viewer(port=port).post(
        "/cognito/",
        {
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": client_id,
            "AuthParameters": {"USERNAME": username, "PASSWORD": password},
        },
        headers={
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": "AWSCognitoIdentityProviderService.InitiateAuth",
        },
    )
    assert answer.status == 200, answer.body
    token: str = answer.json["AuthenticationResult"]["AccessToken"]
    return token
