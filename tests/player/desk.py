"""The platform as the studios' dashboard sees it: the page's own files, sign-in and the studios' API."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.player.house import PASSWORD, House, HouseHandler, Seen, serve

STUDIO_USER, WITH_CODE, TO_ENROL = "desk@blender.example", "coded@blender.example", "new@blender.example"
NEWCOMER = "newcomer@blender.example"
CODE, SECRET = "314159", "JBSWY3DPEHPK3PXP"
FPS = 24


def ago(**time: float) -> str:
    """Return a moment of the past as the API writes it."""
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


def listed(delivery_id: str, **changes: Any) -> dict[str, Any]:
    """Return a delivery as the list has it."""
    return {
        "delivery_id": delivery_id,
        "version_id": f"v-{delivery_id}",
        "title_id": "big-buck-bunny",
        "title_name": "Big Buck Bunny",
        "priority": "original",
        "stage": "published",
        "verdict": "pass",
        "delivered_at": ago(hours=3),
        "updated_at": ago(hours=2),
        "size_bytes": 186_000_000,
    } | changes


def span(start_s: float, end_s: float, still: str | None = None) -> dict[str, Any]:
    """Return a run of frames."""
    first, last = round(start_s * FPS), round(end_s * FPS) - 1
    seconds, frame = divmod(first, FPS)
    return {
        "start_s": start_s,
        "end_s": end_s,
        "first_frame": first,
        "last_frame": last,
        "timecode": f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{frame:02}",
        "still": still,
    }


def check(name: str, verdict: str, measured: float | None, unit: str, threshold: str, message: str, *at: Any) -> Any:
    """Return one check of quality control."""
    return {
        "check": name,
        "verdict": verdict,
        "measured": measured,
        "unit": unit,
        "threshold": threshold,
        "message": message,
        "at": list(at),
    }


BLACK = check(
    "black",
    "review",
    6.0,
    "s",
    "at most 4 s at a time; over 12 s fails",
    "the longest black picture lasts 6.00 s",
    span(2, 8, "black-0"),
    span(611.5, 616, "black-1"),
)
LOUDNESS = check(
    "loudness",
    "pass",
    -26.87,
    "LKFS",
    "-27 LKFS ± 2",
    "the programme has -26.9 LKFS, 0.1 LU over the target, and a range of 9.1 LU",
)
SYNC = check("av_sync", "pass", None, "ms", "at most 40 ms", "there is no sync pattern to measure")
FREEZE = check(
    "freeze",
    "fail",
    14.0,
    "s",
    "at most 5 s at a time; over 10 s fails",
    "the longest picture that stands still lasts 14.00 s",
    span(1201, 1215, "freeze-0"),
)


COMPLEXITY = {
    "measured_frames": 1192,
    "active": {"left": 0, "top": 140, "width": 1920, "height": 800},
    "spatial_mean": 41.307,
    "spatial_max": 88.2,
    "temporal_mean": 9.154,
    "temporal_max": 31.6,
    "overall": 2.587,
    "motion_percent": 2.1234,
    "grain": 1.42,
    "dark_percent": 23.456,
}


def version(delivery_id: str, **changes: Any) -> dict[str, Any]:
    """Return a version as a delivery's page has it."""
    told = listed(delivery_id) | {
        "review": None,
        "checks": [LOUDNESS, SYNC],
        "complexity": COMPLEXITY if changes.get("checks", True) else None,
        "findings": [],
        "renditions": [],
        "ladder": None,
        "rejections": [],
        "history": [
            {"at": ago(hours=3), "event": "DeliveryReceived", "message": "“Big Buck Bunny” has arrived, 186 MB."},
            {"at": ago(hours=2.9), "event": "QualityJudged", "message": "Quality control passed every check."},
        ],
    }
    del told["delivery_id"]
    return told | changes


@dataclass
class Desk(House):
    """What the tests turn on and off, and what they look at afterwards."""

    film: Any = None
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    stills: dict[str, bytes] = field(default_factory=dict)
    page_size: int = 50
    refusal: tuple[int, dict[str, str]] | None = None
    open_to_all: bool = False
    broken: bool = False
    """Whether the connection breaks off at every question."""


@contextmanager
def open_desk(stills: dict[str, bytes]) -> Iterator[Desk]:
    """Serve on a free loopback port until the block ends."""
    with serve(Desk(stills=stills), DeskHandler) as desk:
        yield desk


def draw(folder: Path) -> dict[str, bytes]:
    """Return pictures of what checks find, by name."""
    import imageio_ffmpeg  # noqa: PLC0415 - of requirements-sandbox.txt, which a plain run does without

    sources = {
        "black-0": "color=c=0x050505",
        "black-1": "color=c=0x0b0809",
        "freeze-0": "mandelbrot=end_scale=0.3",
        "worst-source": "testsrc2=rate=24",
        "worst-rendition": "pal75bars=rate=24",
    }
    for name, source in sources.items():
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "lavfi", "-i", f"{source}:s=640x360"]
        subprocess.run([*command, "-frames:v", "1", f"{folder / name}.jpg"], check=True)
    return {name: (folder / f"{name}.jpg").read_bytes() for name in sources}


class DeskHandler(HouseHandler):
    """Adds the studios' API and what their user pool asks for."""

    house: Desk

    def _answer(self, body: Any) -> None:
        if self.path == "/cognito/":
            self.house.seen.append(Seen(path=self.path, authorization=None, body=body))
            self._cognito(body)
        else:
            super()._answer(body)

    def _cognito(self, body: Any) -> None:
        action = self.headers["X-Amz-Target"].split(".")[1]
        if action == "RevokeToken":
            self._json(200, {})
        elif action == "InitiateAuth":
            self._initiate(body["AuthParameters"])
        else:
            self._respond(action, body)

    def _initiate(self, parameters: Any) -> None:
        challenges = {WITH_CODE: "SOFTWARE_TOKEN_MFA", TO_ENROL: "MFA_SETUP", NEWCOMER: "NEW_PASSWORD_REQUIRED"}
        match parameters:
            case {"REFRESH_TOKEN": "refresh"}:
                self._json(200, {"AuthenticationResult": {"IdToken": self.house.id_token, "ExpiresIn": 3600}})
            case {"USERNAME": str(user), "PASSWORD": secret} if secret == PASSWORD and user in challenges:
                self._json(200, {"ChallengeName": challenges[user], "Session": "first"})
            case {"PASSWORD": secret} if secret == PASSWORD:
                self._signed_in()
            case _:
                self._json(400, {"__type": "NotAuthorizedException", "message": "Incorrect username or password."})

    def _respond(self, action: str, body: Any) -> None:
        match action, body:
            case "AssociateSoftwareToken", {"Session": "first"}:
                self._json(200, {"SecretCode": SECRET, "Session": "second"})
            case "VerifySoftwareToken", {"Session": "second", "UserCode": code} if code == CODE:
                self._json(200, {"Status": "SUCCESS", "Session": "third"})
            case "RespondToAuthChallenge", {"ChallengeName": "MFA_SETUP", "Session": "third"}:
                self._signed_in()
            case "RespondToAuthChallenge", {"ChallengeResponses": {"SOFTWARE_TOKEN_MFA_CODE": code}} if code == CODE:
                self._signed_in()
            case "RespondToAuthChallenge", {"ChallengeResponses": {"NEW_PASSWORD": secret}} if len(secret) >= 8:
                self._signed_in()
            case "RespondToAuthChallenge", {"ChallengeResponses": {"NEW_PASSWORD": _}}:
                self._json(400, {"__type": "InvalidPasswordException", "message": "too short"})
            case _:
                self._json(400, {"__type": "CodeMismatchException", "message": "Code mismatch"})

    def _signed_in(self) -> None:
        tokens = {"IdToken": self.house.id_token, "RefreshToken": "refresh", "ExpiresIn": 3600}
        self._json(200, {"AuthenticationResult": tokens})

    def _api(self, path: list[str], body: Any) -> None:
        assert body is None, "the dashboard only reads"
        desk = self.house
        if desk.broken:
            self.close_connection = True
            return
        if self.headers["Authorization"] != f"Bearer {desk.id_token}" and not desk.open_to_all:
            self._json(401, {"message": "Unauthorized"})
            return
        if desk.refusal:
            self._json(*desk.refusal)
            return
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        match [unquote(part) for part in path]:
            case ["ingest", "deliveries"]:
                self._json(200, self._page(**query))
            case ["ingest", "deliveries", name] if name in desk.versions:
                self._json(200, {"delivery_id": name, "versions": desk.versions[name]})
            case ["ingest", "deliveries", _, "versions", _, "stills", name] if name in desk.stills:
                self._send(200, "image/jpeg", desk.stills[name])
            case _:
                self._json(404, {"title": "Not found", "detail": "/".join(path), "instance": "request-1"})

    def _page(self, *, limit: str, stage: str = "", cursor: str = "0") -> dict[str, Any]:
        fitting = [delivery for delivery in self.house.deliveries if stage in ("", delivery["stage"])]
        start, end = int(cursor), int(cursor) + min(int(limit), self.house.page_size)
        return {"deliveries": fitting[start:end], "cursor": str(end) if end < len(fitting) else None}
