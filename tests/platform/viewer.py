"""A viewer's device: it signs in, and asks the edge for everything, as the player does."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TITLE = "big-buck-bunny"
"""The published film's id."""

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

    def watch(self, title_id: str) -> dict[str, Any]:
        """Open a session and return its answer; end an older one, if there are as many as the viewer may have."""
        while len(self._watching) >= _PLACES:
            assert self.ask("DELETE", self._watching.pop(0)).status == 204
        answer = self.post("/api/playback/sessions", {"title_id": title_id})
        assert answer.status == 201, answer.body
        session: dict[str, Any] = answer.json
        self._watching.append(session["url"])
        return session


def sign_in(*, port: int, client_id: str, username: str, password: str) -> str:
    """Return an access token, from where the page gets it."""
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
