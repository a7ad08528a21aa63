"""Plays a published title in the players that others use: dash.js on the DASH manifest, hls.js on the HLS playlists.

The page that holds them is not deployed. The browser gets it, and the players' libraries, from this machine, as if
they lay beside the deployed page: so they have its origin, its policy and its viewer, and the stream comes from the
platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin, urlsplit

from playwright.async_api import Route

from sandbox.browser import VISIT_TIMEOUT_S, CheckError, UnexpectedError, ViewerVisit
from sandbox.toolchain import PROJECT_ROOT

PLAYERS: Mapping[str, str] = MappingProxyType({"dashjs": "DASH", "hlsjs": "HLS"})
"""The players, and what each is given."""

_SLACK = 3.0  # how many times real time the playing may take
_LEAST_FRAME_RATE = 10  # frames a second of film: a picture that stands still gives none, the slowest film 23
_POLICY = "content-security-policy"
_FOLDER = "/players/"
_FILES = MappingProxyType(
    {
        "": PROJECT_ROOT / "sandbox/players/index.html",
        "players.js": PROJECT_ROOT / "sandbox/players/players.js",
        "dash.js": PROJECT_ROOT / "node_modules/dashjs/dist/modern/umd/dash.all.min.js",
        "hls.js": PROJECT_ROOT / "node_modules/hls.js/dist/hls.min.js",
    }
)
_TYPES = MappingProxyType({".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"})


class PlayersCheckError(CheckError):
    """A player that is not the page's own could not play the title."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """What was seen while a player played the title."""

    played_s: float
    frames: int
    """Decoded, of an encrypted picture."""
    width: int
    height: int
    licences: int
    """Answers of the licence service."""

    @classmethod
    def of(cls, seen: Mapping[str, Any]) -> Played:
        """Return what the page has seen, if it is what the manifest promises.

        Raises
        ------
        UnexpectedError
            If the film is not encrypted, the picture is not of the size that is declared, or stands still.
        """
        if not (seen["protected"] and seen["licences"]):
            raise UnexpectedError("the film played, but without a licence: it is not encrypted")
        if seen["size"] != seen["declared"]:
            shown, declared = ("x".join(map(str, seen[size])) for size in ("size", "declared"))
            raise UnexpectedError(f"the picture is {shown}, and the manifest says {declared}")
        if seen["frames"] < seen["played_s"] * _LEAST_FRAME_RATE:
            raise UnexpectedError(f"only {seen['frames']} frames were decoded in {seen['played_s']:.1f} s")
        width, height = seen["size"]
        return cls(
            played_s=seen["played_s"], frames=seen["frames"], width=width, height=height, licences=seen["licences"]
        )


def check_players(
    *, url: str, username: str, password: str, title_id: str, screenshot: Path, seconds: float = 6.0
) -> dict[str, Played]:
    """Sign in, and play a title in each of `PLAYERS`.

    Parameters
    ----------
    url
        The deployed page's address, for example ``http://127.0.0.1:8443/``.
    username, password, title_id
        A viewer, and a title of the catalog that runs longer than `seconds`.
    screenshot
        Where to save each player's picture (PNG): its name gets the player's.
    seconds
        How much of the film has to play in each, in seconds of the film.

    Raises
    ------
    BrowserError
        If the machine has no Chromium, or it does not start.
    PlayersCheckError
        If a player does not play the title, plays it in the clear, or shows another size than its manifest says.
        The page's screenshot and console log lie beside `screenshot`.
    """
    visit = _Viewing(url=url, username=username, password=password, title_id=title_id, seconds=seconds)
    return visit.run(screenshot)


class _Viewing(ViewerVisit[dict[str, Played]]):
    """A viewer's visit with other players."""

    _failed = PlayersCheckError

    @property
    def _patience_s(self) -> float:
        return VISIT_TIMEOUT_S + len(PLAYERS) * self._seconds * _SLACK

    async def _visit(self, screenshot: Path) -> dict[str, Played]:
        self._step = "lay the players beside the page"
        missing = [file.name for file in _FILES.values() if not file.is_file()]
        if missing:
            raise UnexpectedError(f"{', '.join(missing)} missing: run `npm ci` in the repository, or `make setup`")
        page = await self._page.context.request.get(self._url)
        if _POLICY not in page.headers:
            raise UnexpectedError("the deployed page has no content-security policy")
        self._policy = page.headers[_POLICY]
        await self._page.route(urljoin(self._url, f"{_FOLDER}**"), self._serve)
        played = {}
        for player in PLAYERS:
            played[player] = await self._play(player)
            await self._page.screenshot(path=screenshot.with_stem(f"{screenshot.stem}-{player}"))
        return played

    async def _serve(self, route: Route) -> None:
        file = _FILES[urlsplit(route.request.url).path.removeprefix(_FOLDER)]
        headers = {"content-type": _TYPES[file.suffix], _POLICY: self._policy}
        await route.fulfill(body=file.read_bytes(), headers=headers)

    async def _play(self, player: str) -> Played:
        self._step = f"play {self._seconds:g} s of {PLAYERS[player]} in {player}"
        await self._page.goto(urljoin(self._url, _FOLDER))
        outcome: dict[str, Any] = await self._page.evaluate(
            "(wish) => window.play(...wish)", [player, self._title_id, self._seconds]
        )
        if "fault" in outcome:
            raise UnexpectedError(outcome["fault"])
        return Played.of(outcome)
