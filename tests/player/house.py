"""The platform as the page sees it: the page's own files, sign-in, API and edge, on one loopback port."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

from lambdas.common.keys import VersionLayout
from lambdas.playback.manifests import CONTENT_TYPES, personal
from lambdas.playback.models import Languages, SessionRequest, kid_of
from lambdas.playback.pathways import OWN, Pathway, Pathways
from lambdas.playback.preference import preferred
from lambdas.playback.progress import COMPLETED_SHARE
from lambdas.playback.steering import steering_manifest
from lambdas.playback.telemetry import TelemetryBatch
from tests.player.film import DURATION_S, PUBLISHED, Film

REPOSITORY = Path(__file__).resolve().parents[2]
PLAYER = REPOSITORY / "player"
DEPLOYMENT = json.loads((PLAYER / "deployment.json").read_text(encoding="utf-8"))
VENDOR = REPOSITORY / DEPLOYMENT["vendor"]["from"]

USERNAME, PASSWORD = ACCOUNT = ("viewer@example.com", "Popcorn-1")
DEVICE_CODE = "WDJB-MJHT"
EDGE_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzaWQiOiJzMSJ9.c2lnbmF0dXJlLW9mLXRoZS1lZGdl"
CACHE_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzaWQiOiJzMSJ9.c2lnbmF0dXJlLW9mLXRoZS1jYWNoZQ"
CONFIGURATION = {
    "cognito_endpoint": "/cognito/",
    "sign_in_domain": "/",
    "client_id": "c1",
    "studio_client_id": "s1",
    "region": "eu-west-1",
    "environment": "test",
}
SERIES = {"series_id": "skies", "name": "Skies"}
TITLE = {
    "title_id": "the-gradient",
    "name": "The Gradient",
    "synopsis": "One colour becomes another, slowly, and nobody stops it.",
    "year": 2026,
    "credit": "The Gradient © Example Films, CC-BY 4.0",
    "duration_s": float(DURATION_S),
    "version_id": "v1",
    "poster": "/art/the-gradient/v1/poster.jpg",
    "series": None,
}
EPISODES = [
    TITLE | {"title_id": title_id, "name": name, "series": SERIES | {"season": 1, "episode": number}}
    for number, (title_id, name) in enumerate((("the-gradient", "The Gradient"), ("the-dusk", "The <b>Dusk")), start=1)
]
"""Of a series; both play the same film."""
TELEVISION = {
    "device_id": "tv",
    "name": "Television",
    "first_seen_at": 1_794_000_000,
    "last_seen_at": 1_795_000_000,
    "country": "DE",
    "in_household": True,
}
LAPTOP = TELEVISION | {"device_id": "laptop/1", "name": "Laptop", "country": None, "in_household": False}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".vtt": "text/vtt",
    ".m3u8": CONTENT_TYPES["hls"],
    ".json": "application/json",
}


@dataclass(frozen=True)
class Seen:
    """One request, as it came in."""

    path: str
    authorization: str | None
    body: Any
    method: str = "GET"
    query: str = ""


REVOKED = {"type": "urn:marquee:problem:revoked", "title": "Revoked", "status": 403}


@dataclass
class House:
    """What the tests turn on and off, and what they look at afterwards."""

    film: Film
    titles: list[dict[str, Any]] = field(default_factory=lambda: [TITLE])
    resume_position_s: float = 0.0
    progress_interval_s: int = 30
    heartbeat_interval_s: int = 30
    license_refused: bool = False
    renews_in_s: float | None = None
    """When the page is to ask for the licence again; none: it is the session's last."""
    licence_s: float = 3600
    revoked: bool = False
    languages: Languages = field(default_factory=Languages)
    """Of the session that was opened last."""
    playing: list[dict[str, Any]] = field(default_factory=list)
    """If somebody plays, there is no place left."""
    ended: bool = False
    """Whether the session is over by somebody else's doing."""
    begun: list[dict[str, Any]] = field(default_factory=list)
    next_title_id: str | None = None
    """What may be watched after the film was seen to its end."""
    thumbnails: str | None = f"/media/{EDGE_TOKEN}/the-gradient/v1/thumbnails/thumbnails.vtt"
    pathways: Pathways = field(default_factory=Pathways)
    edge_token: str = EDGE_TOKEN
    """What opens the segments here."""
    steering_is_away: bool = False
    profiles: list[dict[str, Any]] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=lambda: [TELEVISION, LAPTOP])
    stage: str = "clear"
    reasons: list[str] = field(default_factory=list)
    refusals: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The problem document that a request is answered with, by method and path."""
    configured: bool = True
    edge_is_open: bool = False
    signed_out_everywhere: bool = False
    nonce: str | None = None
    """What ID tokens say in place of the nonce that was asked for."""
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    """What was asked for with each code that has not been exchanged."""
    refresh_token: str = "refresh-0"
    _tokens: int = 0

    def asked(self, path: str) -> list[Seen]:
        """Return the requests whose path begins so."""
        return [request for request in self.seen if request.path.startswith(path)]

    def expire_tokens(self) -> None:
        """Let the ID token in use end."""
        self._tokens += 1

    @property
    def id_token(self) -> str:
        """The only ID token that is good now: the first part of it, at which the API looks."""
        return f"id-{self._tokens}"

    @property
    def kept(self) -> str:
        """What the page keeps of whoever has signed in here, as it keeps it."""
        tokens = {"idToken": self.id_token_with(None), "refreshToken": self.refresh_token, "username": USERNAME}
        return json.dumps(tokens | {"expiresAt": 1000 * (time.time() + 3600)})

    def id_token_with(self, nonce: str | None) -> str:
        """Return the ID token with what it says to the page."""
        claims = {"aud": CONFIGURATION["client_id"], "email": USERNAME, "sub": "viewer-1", "nonce": nonce}
        encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return f"{self.id_token}.{encoded}.signature"

    def exchange(self, form: dict[str, str]) -> dict[str, Any] | None:
        """Return the tokens for a code or a refresh token, as the token endpoint gives them; each is good once."""
        if form["client_id"] != CONFIGURATION["client_id"]:
            return None
        asked: dict[str, str] = {}
        if form["grant_type"] == "authorization_code":
            asked = self.codes.pop(form["code"], {})
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked.get("code_challenge"):
                return None
            if form["redirect_uri"] != asked["redirect_uri"]:
                return None
        elif self.signed_out_everywhere or form["refresh_token"] != self.refresh_token:
            return None
        self.refresh_token = f"refresh-{int(self.refresh_token.split('-')[1]) + 1}"
        return {
            "id_token": self.id_token_with(self.nonce or asked.get("nonce")),
            "refresh_token": self.refresh_token,
            "expires_in": 3600,
            "token_type": "Bearer",
        }


@contextmanager
def open_house(film: Film) -> Iterator[House]:
    """Serve on a free loopback port until the block ends."""
    with serve(House(film=film), HouseHandler) as house:
        yield house


HouseT = TypeVar("HouseT", bound=House)


@contextmanager
def serve(house: HouseT, answering: type["HouseHandler"]) -> Iterator[HouseT]:
    """Answer requests, until the block ends, out of what `house` has."""

    class Handler(answering):
        pass

    Handler.house = house
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    house.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield house
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class HouseHandler(BaseHTTPRequestHandler):
    """The page's files, and what they ask for."""

    house: House
    protocol_version = "HTTP/1.1"
    # Head and body are two writes: the second would wait for the first one's acknowledgement, 40 ms.
    disable_nagle_algorithm = True
    timeout = 5

    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests look at `House.seen`."""

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        is_form = (self.headers["Content-Type"] or "").startswith("application/x-www-form-urlencoded")
        self._answer(dict(parse_qsl(body.decode())) if is_form else json.loads(body) if body else None)

    def do_DELETE(self) -> None:
        self._answer(None)

    def _answer(self, body: Any) -> None:
        path = urlsplit(self.path).path
        self.house.seen.append(
            Seen(
                path=path,
                authorization=self.headers["Authorization"],
                body=body,
                method=self.command,
                query=urlsplit(self.path).query,
            )
        )
        match path.split("/")[1:]:
            case ["oauth2", _] | ["login"] | ["logout"]:
                self._managed_login(path, body)
            case ["api", *rest]:
                self._api(rest, body)
            case ["media", token, "the-gradient", "v1", *rest]:
                allowed = token == self.house.edge_token or self.house.edge_is_open
                self._file(self.house.film.folder.joinpath(*rest) if allowed else None)
            case ["media", *_]:
                self._json(403, {"message": "no token"})
            case ["art", "the-gradient", "v1", name]:
                self._file(self.house.film.folder / name)
            case ["vendor", name]:
                self._file(VENDOR / name)
            case ["config.json"] if self.house.configured:
                self._json(200, CONFIGURATION)
            case ["studio", name]:
                self._file(PLAYER / "studio" / name)
            case [name]:
                self._file(PLAYER / ("index.html" if name in {"", *DEPLOYMENT["paths"]} else name))
            case _:
                self._json(404, {"message": path})

    def _managed_login(self, path: str, body: Any) -> None:
        house, query = self.house, dict(parse_qsl(urlsplit(self.path).query))
        match path, body:
            case "/oauth2/authorize", None:
                self._login_page(query)
            case "/login", {"username": username, "password": secret, **asked} if (username, secret) == ACCOUNT:
                house.codes[code := f"code-{len(house.seen)}"] = asked
                back = {"code": code, "state": asked["state"]}
                self._redirect(f"{asked['redirect_uri']}?{urlencode(back)}")
            case "/login", _:
                asked = {name: value for name, value in body.items() if name not in {"username", "password"}}
                self._login_page(asked, complaint="Incorrect username or password.")
            case "/oauth2/token", _:
                tokens = house.exchange(body)
                self._json(200 if tokens else 400, tokens or {"error": "invalid_grant"})
            case "/oauth2/revoke", _:
                self._send(200, "text/plain", b"")
            case "/logout", None:
                self._redirect(query["logout_uri"])

    def _login_page(self, asked: dict[str, str], complaint: str = "") -> None:
        kept = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in asked.items())
        form = """<label>Name <input name="username"></label>
            <label>Password <input name="password" type="password"></label> <button>Go</button>"""
        page = f'<p class="error">{complaint}</p>' if complaint else ""
        # Not a page of ours: it has none of our policy, which forbids forms.
        self._send(
            200, TYPES[".html"], f"{page}<form method=post action=/login>{kept}{form}</form>".encode(), ours=False
        )

    def _redirect(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _api(self, path: list[str], body: Any) -> None:  # noqa: C901, PLR0912 - a case a route
        house = self.house
        if path == ["playback", "steering"]:
            self._steer()
            return
        if (self.headers["Authorization"] or "").split(".")[0] != f"Bearer {house.id_token}":
            self._json(401, {"message": "Unauthorized"})
            return
        problem = house.refusals.get(f"{self.command} /api/{'/'.join(path)}")
        if problem:
            self._json(problem["status"], problem)
            return
        match path, body:
            case ["catalog", "titles"], None:
                self._json(200, {"titles": house.titles})
            case ["account", "profiles"], None:
                self._json(200, {"profiles": house.profiles})
            case ["device", "request"], None if f"user_code={DEVICE_CODE}" in self.path:
                self._json(200, {"device": "Living <b>room</b>", "expires_at": 4_000_000_000})
            case ["device", "approve"], {"user_code": code, "decision": _} if code == DEVICE_CODE:
                self._send(204, "application/json", b"")
            case ["account", "devices", *named], None:
                self._devices(named)
            case ["playback", "sessions", *rest], _:
                self._sessions(rest, body)
            case ["playback", "license"], {"kids": _} if house.revoked:
                self._json(403, REVOKED)
            case ["playback", "license"], {"kids": _} if house.license_refused:
                self._json(403, {"title": "Forbidden", "detail": "no licence for this session"})
            case ["playback", "license"], {"kids": kids, "type": "temporary"}:
                renew_at = None if house.renews_in_s is None else time.time() + house.renews_in_s
                terms = {"expires_at": time.time() + house.licence_s, "renew_at": renew_at}
                self._json(200, {"keys": [self._jwk(kid) for kid in kids], "type": "temporary", **terms})
            case ["playback", "telemetry"], batch:
                TelemetryBatch.model_validate(batch)
                self._send(204, "application/json", b"")
            case ["playback", "progress"], None:
                self._json(200, {"titles": house.begun})
            case ["playback", "progress"], {"title_id": _, "position_s": position_s, "recorded_at": _}:
                completed = position_s >= COMPLETED_SHARE * DURATION_S
                self._json(200, {"next_title_id": house.next_title_id if completed else None})
            case _:
                self._json(404, {"title": "Not found", "detail": "/".join(path), "instance": "request-1"})

    def _devices(self, named: list[str]) -> None:
        house = self.house
        if self.command == "GET":
            self._json(200, {"devices": house.devices, "stage": house.stage, "reasons": house.reasons})
            return
        gone = {unquote(name) for name in named} or {device["device_id"] for device in house.devices}
        house.devices = [device for device in house.devices if device["device_id"] not in gone]
        self._send(204, "application/json", b"")

    def _sessions(self, path: list[str], body: Any) -> None:
        match path, body:
            case [], _ if self.house.playing:
                refusal = {"reason": "stream-limit", "limit": 2, "playing": self.house.playing}
                self._json(409, {"title": "Conflict", "instance": "request-1"} | refusal)
            case [], {"title_id": ("the-gradient" | "the-dusk") as title_id}:
                self.house.languages = SessionRequest.model_validate(body).languages
                self._json(201, self._session(title_id))
            case ["s1", "manifest"], None:
                self._manifest()
            case ["s1", "heartbeat"], None if self.house.revoked:
                self._json(403, REVOKED)
            case ["s1", "heartbeat"], None if self.house.ended:
                self._json(410, {"title": "Expired", "detail": "the session has ended"})
            case ((["s1", "heartbeat"] | ["s1"]), None):
                self._send(204, "application/json", b"")
            case _:
                self._json(404, {"title": "Not found", "detail": "/".join(path), "instance": "request-1"})

    def _session(self, title_id: str) -> dict[str, Any]:
        manifest = "/api/playback/sessions/s1/manifest?format="
        return {
            "session_id": "s1",
            "title_id": title_id,
            "version_id": "v1",
            "manifests": {"dash": f"{manifest}dash", "hls": f"{manifest}hls"},
            "license_url": "/api/playback/license?session_id=s1",
            "key_ids": [kid_of(key_id) for key_id in self.house.film.keys],
            "thumbnails": self.house.thumbnails,
            "edge": {"token": EDGE_TOKEN, "base": f"/media/{EDGE_TOKEN}/"},
            "resume_position_s": self.house.resume_position_s,
            "progress_interval_s": self.house.progress_interval_s,
            "url": "/api/playback/sessions/s1",
            "heartbeat_url": "/api/playback/sessions/s1/heartbeat",
            "telemetry_url": "/api/playback/telemetry",
            "heartbeat_interval_s": self.house.heartbeat_interval_s,
            "expires_at": int(time.time()) + 14_400,
        }

    def _manifest(self) -> None:
        [kind] = parse_qs(urlsplit(self.path).query)["format"]
        path = {"dash": VersionLayout.DASH, "hls": VersionLayout.HLS}[kind]
        text = (self.house.film.folder / path).read_text(encoding="utf-8")
        text = preferred(text, kind=kind, languages=self.house.languages)
        bases = {
            one.id: f"{one.base_url.removesuffix('/')}/media/{EDGE_TOKEN if one == OWN else CACHE_TOKEN}/"
            for one in self.house.pathways.ranked
        }
        text = personal(text=text, kind=kind, key=PUBLISHED.within(path), bases=bases)
        self._send(200, CONTENT_TYPES[kind], text.encode())

    def _steer(self) -> None:
        if self.house.steering_is_away:
            self._json(503, {"title": "Try again"})
        else:
            self._json(200, steering_manifest(pathways=self.house.pathways, ttl_s=1).model_dump())

    def _jwk(self, kid: str) -> dict[str, str]:
        key = self.house.film.keys[base64.urlsafe_b64decode(kid + "==").hex()]
        return {"kty": "oct", "kid": kid, "k": base64.urlsafe_b64encode(bytes.fromhex(key)).decode().rstrip("=")}

    def _file(self, path: Path | None) -> None:
        if path is None:
            self._json(403, {"message": "bad token"})
        elif self.house.revoked and path.suffix == ".m4s":
            self._json(403, REVOKED)
        elif path.is_file():
            self._send(200, TYPES.get(path.suffix, "application/octet-stream"), path.read_bytes())
        else:
            self._json(404, {"message": path.name})

    def _json(self, status: int, document: Any) -> None:
        self._send(status, TYPES[".json"], json.dumps(document).encode())

    def _send(self, status: int, content_type: str, content: bytes, *, ours: bool = True) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        if ours:
            hosts = "".join(f" {one.base_url.removesuffix('/')}" for one in self.house.pathways.further)
            policy = DEPLOYMENT["content_security_policy"]
            policy = policy.format(region="eu-west-1", sign_in_domain="signin.example", pathways=hosts)
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(content)


@dataclass
class Cache(House):
    """Another host that serves the segments, to tokens of its own."""

    edge_token: str = CACHE_TOKEN
    dark_from: str | None = None
    """The name of the segment at whose first request it stops answering; none: it answers all of them."""
    _is_dark: bool = False

    def goes_dark(self, path: str) -> bool:
        """Return whether a request is left without an answer."""
        self._is_dark |= path.rpartition("/")[2] == self.dark_from
        return self._is_dark

    def ranked(self, rank: int) -> Pathway:
        """Return it as a pathway."""
        # By a host name of its own: Shaka tells hosts apart by that, and not by the port.
        return Pathway(id="cache", base_url=self.url.replace("127.0.0.1", "localhost"), rank=rank)


class CacheHandler(HouseHandler):
    """The segments, for pages of any origin, and nothing else."""

    house: Cache

    def _answer(self, body: Any) -> None:
        if self.house.goes_dark(self.path):
            self.house.seen.append(Seen(path=self.path, authorization=None, body=None))
            self.close_connection = True
        elif self.path.startswith("/media/"):
            super()._answer(body)
        else:
            self._json(404, {"message": self.path})

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()
