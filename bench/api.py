"""What the playback API answers in, beside an empty handler on the same API.

The **floor** is a function that answers 204 and does nothing, behind a route of the deployed API with the viewers'
authorizer, made for the measurement and removed after it. What it takes is what the embedded cloud and its edge take:
TLS, CloudFront and Lambda's own machinery are not there, so that the ratio says more than the milliseconds.

Requests are sent one after the other over one connection to the edge. Each round asks everything once, the floor too,
so that whatever else the machine does meets all of them alike.
"""

from __future__ import annotations

import io
import json
import math
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from types import TracebackType
from typing import Self

from bench.published import published_film
from bench.row import Figure
from sandbox.deployed import Deployed
from sandbox.viewer import Viewer

ROUNDS = 300
_WARM_UP = 10
"""Rounds before those that count: processes of functions start with the first."""
_PERCENTILES = (50, 99)
_FLOOR = "an empty handler"
FLOOR_PATH = "/api/playback/floor"
_HANDLER = "def handler(event, context):\n    return {'statusCode': 204}\n"
_FUNCTION = "floor"
_RUNTIME = "python3.14"
_ROLE = "arn:aws:iam::000000000000:role/floor"
_TIMEOUT_S = 30


class ApiBenchError(Exception):
    """The API answered otherwise than it does to a viewer who plays a film."""


def figures() -> Iterator[Figure]:
    """Bring the platform up with a film on it, and ask."""
    with published_film() as (up, published):
        asked = ask(
            up.platform,
            port=up.edge.port,
            viewer=published.viewer,
            title_id=published.delivery.manifest.title.title_id,
            rounds=ROUNDS,
        )
    yield from compared(asked)


def compared(asked: Mapping[str, Sequence[float]]) -> Iterator[Figure]:
    """Yield the percentiles of every request but the floor, beside the floor's.

    Parameters
    ----------
    asked
        By request, how long each answer took, in seconds.
    """
    floor = asked[_FLOOR]
    for request, seconds in asked.items():
        if request == _FLOOR:
            continue
        for percent in _PERCENTILES:
            ours_ms, floor_ms = (1000 * percentile(each, percent) for each in (seconds, floor))
            yield Figure(f"{request}, p{percent}", ours_ms, _FLOOR, floor_ms, "ms")


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the least of `values` that at least `percent` of a hundred do not exceed (nearest rank)."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def ask(platform: Deployed, *, port: int, viewer: Viewer, title_id: str, rounds: int) -> dict[str, list[float]]:
    """Let a viewer begin a film and end it, `rounds` times; return by request how long each answer took, in seconds.

    Parameters
    ----------
    port
        The edge's.

    Raises
    ------
    ApiBenchError
        If an answer is not the one that is expected.
    """
    with empty_handler(platform), _Client(port=port, token=_token(platform, viewer)) as client:
        for number in range(_WARM_UP + rounds):
            if number == _WARM_UP:
                client.asked.clear()
            _round(client, title_id=title_id, position_s=1 + number / 1000)
        return client.asked


class _Client:
    """Asks over one connection, in the name of a viewer, and notes how long each answer took."""

    def __init__(self, *, port: int, token: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self.asked: dict[str, list[float]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(self, request: str, method: str, path: str, *, status: int, body: object = None) -> bytes:
        """Ask, and return the body of the answer, which has to have `status`."""
        sent = None if body is None else json.dumps(body).encode()
        begun = time.perf_counter()
        self._connection.request(method, path, body=sent, headers=self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        self.asked.setdefault(request, []).append(time.perf_counter() - begun)
        if answer.status != status:
            raise ApiBenchError(f"{request}: {method} {path} gave {answer.status}, not {status}: {content.decode()}")
        return content


def _round(client: _Client, *, title_id: str, position_s: float) -> None:
    client.ask(_FLOOR, "POST", FLOOR_PATH, status=204, body={})
    opened = client.ask("session", "POST", "/api/playback/sessions", status=201, body={"title_id": title_id})
    session = json.loads(opened)
    client.ask("manifest", "GET", session["manifests"]["dash"], status=200)
    # For all keys, as the page asks.
    wanted = {"kids": session["key_ids"], "type": "temporary"}
    client.ask("licence", "POST", session["license_url"], status=200, body=wanted)
    client.ask("heartbeat", "POST", session["heartbeat_url"], status=204)
    beat = {"title_id": title_id, "position_s": position_s, "recorded_at": datetime.now(UTC).isoformat()}
    client.ask("progress", "POST", "/api/playback/progress", status=200, body=beat)
    client.ask("end of a session", "DELETE", session["url"], status=204)


@contextmanager
def empty_handler(platform: Deployed) -> Iterator[None]:
    """Have the empty handler answer on the viewers' API, for whom its authorizer lets in."""
    api = {"ApiId": platform.output("playback", "ApiId")}
    with ExitStack() as stack:
        functions = stack.enter_context(closing(platform.client("lambda")))
        gateway = stack.enter_context(closing(platform.client("apigatewayv2")))
        function = functions.create_function(
            FunctionName=_FUNCTION,
            Runtime=_RUNTIME,
            Role=_ROLE,
            Handler="floor.handler",
            Code={"ZipFile": _archive()},
        )
        stack.callback(functions.delete_function, FunctionName=_FUNCTION)
        integration = gateway.create_integration(
            **api,
            IntegrationType="AWS_PROXY",
            IntegrationUri=function["FunctionArn"],
            PayloadFormatVersion="2.0",
        )["IntegrationId"]
        stack.callback(gateway.delete_integration, **api, IntegrationId=integration)
        [session] = [
            route for route in gateway.get_routes(**api)["Items"] if route["RouteKey"] == "POST /api/playback/sessions"
        ]
        route = gateway.create_route(
            **api,
            RouteKey=f"POST {FLOOR_PATH}",
            Target=f"integrations/{integration}",
            AuthorizationType=session["AuthorizationType"],
            AuthorizerId=session["AuthorizerId"],
        )["RouteId"]
        stack.callback(gateway.delete_route, **api, RouteId=route)
        yield


def _archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("floor.py", _HANDLER)
    return content.getvalue()


def _token(platform: Deployed, viewer: Viewer) -> str:
    with closing(platform.client("cognito-idp")) as cognito:
        granted = cognito.admin_initiate_auth(
            UserPoolId=platform.output("playback", "UserPoolId"),
            ClientId=platform.output("playback", "UserPoolClientId"),
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": viewer.username, "PASSWORD": viewer.password},
        )
    token: str = granted["AuthenticationResult"]["IdToken"]
    return token
