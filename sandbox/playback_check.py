"""Plays a title in a real browser as a viewer does, and tries to get at it the way a thief does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox.browser import VISIT_TIMEOUT_S, WINDOW_HEIGHT, WINDOW_WIDTH, CheckError, UnexpectedError, ViewerVisit

_SLACK = 3.0  # how many times real time the playing may take

# The page polls itself: Playwright's `wait_for_function` evaluates a string later on, which the page's
# content-security policy forbids, and the policy is to be in force here.
_PLAY = """
async (seconds) => {
  const video = document.querySelector("video");
  for (;;) {
    const trouble = document.querySelector("#trouble:not([hidden]) .panel");
    if (trouble) return { fault: trouble.innerText.replaceAll(/\\s+/g, " ") };
    let played = 0;
    for (let i = 0; i < video.played.length; i++) played += video.played.end(i) - video.played.start(i);
    if (played >= seconds) return { played };
    if (video.ended) return { fault: `the film ended after ${played.toFixed(1)} s` };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
"""

# Borders are counted from the segment index of the stream that is on the screen, between the first and the last
# second that was really shown.
_MEASUREMENTS = """
() => {
  const { player, metrics } = window.marquee;
  const video = document.querySelector("video");
  const track = player.getVariantTracks().find(({ active }) => active);
  const stream = player.getManifest().variants
    .map((variant) => variant.video)
    .find((candidate) => candidate && candidate.height === track.height && candidate.segmentIndex);
  const last = video.played.length - 1;
  let borders = 0;
  for (const reference of stream.segmentIndex) {
    const start = reference?.startTime ?? 0;
    if (start > video.played.start(last) && start < video.played.end(last)) borders += 1;
  }
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  return {
    session_ms: metrics.session_ms,
    licence_ms: Math.max(...performance.getEntriesByType("resource")
      .filter(({ name }) => new URL(name).pathname === "/api/playback/license")
      .map(({ duration }) => duration)),
    first_frame_ms: metrics.first_frame_ms,
    crossed_segments: borders,
    key_system: player.drmInfo()?.keySystem ?? "",
    decrypted: Boolean(player.drmInfo()) && stream.encrypted && frames > 0,
    width: video.videoWidth,
    height: video.videoHeight,
  };
}
"""

_TRANSITIONS_END = """
() => Promise.allSettled(document.getAnimations().filter((a) => a instanceof CSSTransition).map((a) => a.finished))
  .then(() => null)
"""


# What the preview over the seek bar is cut from, once it is there.
_PREVIEW = """
async () => {
  const image = document.querySelector(".shaka-player-ui-thumbnail-image[src]");
  await image.decode();
  return new URL(image.src).pathname.split("/").slice(3).join("/");
}
"""


class PlaybackCheckError(CheckError):
    """A viewer could not play the title, or somebody who is none could."""


@dataclass(frozen=True, kw_only=True)
class PlaybackCheck:
    """What was seen while the title played."""

    played_s: float
    session_ms: float
    """From the click to the session's answer, as the page measures it."""
    licence_ms: float
    """Of the request for a licence that took longest; one is sent for each key, all at once."""
    first_frame_ms: float
    """From the click, too."""
    crossed_segments: int
    key_system: str
    decrypted: bool
    width: int
    height: int
    preview: str
    """The sheet that the picture over the seek bar was cut from: its key in the media bucket."""
    refusals: Mapping[str, int]
    """The HTTP status of each attempt without the right to it."""


def check_playback(
    *, url: str, username: str, password: str, title_id: str, screenshot: Path, seconds: float = 8.0
) -> PlaybackCheck:
    """Sign in, play a title from the catalog for a while, then try what must be refused.

    Parameters
    ----------
    url
        The page's address, for example ``http://127.0.0.1:8443/``.
    username, password, title_id
        A viewer, and a title of the catalog that runs longer than `seconds`.
    screenshot
        Where to save the page (PNG, 1280 by 800) while the film is playing.
    seconds
        How much of the film has to play, in seconds of the film.

    Raises
    ------
    BrowserError
        If the machine has no Chromium, or it does not start.
    PlaybackCheckError
        If a step failed. Its screenshot and console log lie beside `screenshot`.
    """
    visit = _Viewing(url=url, username=username, password=password, title_id=title_id, seconds=seconds)
    return visit.run(screenshot)


class _Viewing(ViewerVisit[PlaybackCheck]):
    """A viewer's visit."""

    _failed = PlaybackCheckError

    @property
    def _patience_s(self) -> float:
        return VISIT_TIMEOUT_S + self._seconds * _SLACK

    async def _visit(self, screenshot: Path) -> PlaybackCheck:
        played_s = await self._play()
        await self._photograph(screenshot)
        preview = await self._preview()
        refusals = await self._trespass()
        seen = await self._measure()
        return PlaybackCheck(played_s=played_s, preview=preview, refusals=refusals, **seen)

    async def _play(self) -> float:
        self._step = f"find {self._title_id!r} in the catalog"
        await self._page.locator(f'.card[data-title="{self._title_id}"]').click()
        self._step = f"play {self._seconds:g} s"
        outcome: dict[str, Any] = await self._page.evaluate(_PLAY, self._seconds)
        if "fault" in outcome:
            raise UnexpectedError(outcome["fault"])
        return float(outcome["played"])

    async def _photograph(self, screenshot: Path) -> None:
        self._step = "take the screenshot"
        # Over the picture, so that the controls show how far the film is; the picture is taken once they are there.
        await self._page.mouse.move(WINDOW_WIDTH / 2, WINDOW_HEIGHT / 3)
        await self._page.locator('.shaka-controls-container[shown="true"]').wait_for()
        await self._page.evaluate(_TRANSITIONS_END)
        await self._page.screenshot(path=screenshot)

    async def _preview(self) -> str:
        self._step = "look for a place by its picture"
        bar = await self._page.locator(".shaka-seek-bar-container").bounding_box()
        if bar is None:
            raise UnexpectedError("there is no seek bar")
        await self._page.mouse.move(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
        await self._page.locator(".shaka-player-ui-thumbnail-image[src]").wait_for()
        sheet: str = await self._page.evaluate(_PREVIEW)
        return sheet

    async def _measure(self) -> dict[str, Any]:
        self._step = "measure"
        seen: dict[str, Any] = await self._page.evaluate(_MEASUREMENTS)
        if not seen["decrypted"]:
            raise UnexpectedError("the film played, but it is not encrypted")
        if seen["crossed_segments"] < 1:
            raise UnexpectedError("no segment border was crossed: play longer than a segment")
        if seen["first_frame_ms"] is None:
            raise UnexpectedError("the page did not notice its first frame")
        return seen

    async def _trespass(self) -> dict[str, int]:
        # The paths are those of the requests that the page has just made: what is refused here is the missing
        # right, and not a path that does not exist.
        self._step = "be refused"
        segment, license_url = self._seen("/media/"), self._seen("/api/playback/license")
        token = urlsplit(segment).path.split("/")[2]
        allowed = await self._status("GET", segment)
        if allowed not in {200, 206}:
            raise UnexpectedError(f"a segment with its token gave {allowed}, not 200: refusals prove nothing")
        attempts = (
            ("segment without a token", "GET", segment.replace(f"/{token}/", "/", 1), {403}),
            ("segment with garbage for a token", "GET", segment.replace(token, "garbage", 1), {403}),
            ("segment with a tampered token", "GET", segment.replace(token, _tampered(token), 1), {403}),
            ("licence without a sign-in", "POST", license_url, {401, 403}),
            ("manifest without a sign-in", "GET", self._seen("/api/playback/sessions/"), {401}),
        )
        refusals = {}
        for attempt, method, url, expected in attempts:
            status = await self._status(method, url)
            if status not in expected:
                wanted = " or ".join(map(str, sorted(expected)))
                raise UnexpectedError(f"{attempt} gave {status}, not {wanted}")
            refusals[attempt] = status
        return refusals


def _tampered(token: str) -> str:
    # In the middle of the signature: the last character of base64url carries padding bits that may not count.
    middle = len(token) - 10
    return token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
