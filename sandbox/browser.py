"""Uses the deployed pages in a real browser: plays a title as a viewer does, reads a delivery as its studio does.

And tries to get at both the way a thief does.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlsplit

from playwright.async_api import BrowserContext, Page, Playwright, Request, Response, async_playwright
from playwright.async_api import Error as PlaywrightError

BROWSER_HELP = "for the browser check, install Chromium (Debian: apt-get install chromium) or set CHROMIUM to its path"
BROWSER_FLAGS = (
    "--no-sandbox",  # CI containers run as root, where Chromium's sandbox refuses to start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_WINDOW_WIDTH, _WINDOW_HEIGHT = 1280, 800
_START_TIMEOUT_S = 60  # a cold browser on a busy machine
_STEP_TIMEOUT_S = 20
_VISIT_TIMEOUT_S = 60
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
    first_frame_ms: metrics.first_frame_ms,
    crossed_segments: borders,
    key_system: player.drmInfo()?.keySystem ?? "",
    decrypted: Boolean(player.drmInfo()) && stream.encrypted && frames > 0,
    width: video.videoWidth,
    height: video.videoHeight,
  };
}
"""

# Each picture is fetched when it comes into sight; then the page is as one opens it.
_READ = """
async () => {
  const text = (selector) => document.querySelector(selector)?.textContent ?? "";
  const missing = [];
  for (const still of document.querySelectorAll("[data-still]")) {
    still.scrollIntoView();
    const shown = () => document.querySelector(`[data-still="${CSS.escape(still.dataset.still)}"]`);
    while (!shown().disabled && !shown().querySelector("img")?.naturalWidth) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (shown().disabled) missing.push(still.dataset.still);
  }
  window.scrollTo(0, 0);
  return {
    missing,
    title: text("#delivery-heading"),
    stage: text(".head .badge"),
    checks: Object.fromEntries([...document.querySelectorAll("[data-check]")].map(
      (check) => [check.dataset.check, check.querySelector(".verdict").textContent])),
    stills: document.querySelectorAll("[data-still]").length - missing.length,
    history: [...document.querySelectorAll(".history p")].map(({ textContent }) => textContent),
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


class BrowserError(Exception):
    """No browser was found, or it does not start; the message says what to do."""


class CheckError(Exception):
    """A page does not do what it has to, or does what it must not.

    Attributes
    ----------
    step
        What was being done.
    screenshot, console
        The page as it was, and what it said, written at the moment of the failure.
    """

    def __init__(self, *, step: str, reason: str, screenshot: Path, console: Path) -> None:
        super().__init__(f"{step}: {reason} (page: {screenshot}, console: {console})")
        self.step = step
        self.screenshot = screenshot
        self.console = console


class PlaybackCheckError(CheckError):
    """A viewer could not play the title, or somebody who is none could."""


class DashboardCheckError(CheckError):
    """A studio does not see its delivery, or somebody else does."""


@dataclass(frozen=True, kw_only=True)
class PlaybackCheck:
    """What was seen while the title played."""

    played_s: float
    first_frame_ms: float
    crossed_segments: int
    key_system: str
    decrypted: bool
    width: int
    height: int
    preview: str
    """The sheet that the picture over the seek bar was cut from: its key in the media bucket."""
    refusals: Mapping[str, int]
    """The HTTP status of each attempt without the right to it."""


@dataclass(frozen=True, kw_only=True)
class DashboardCheck:
    """What a studio read of its delivery."""

    title: str
    stage: str
    checks: Mapping[str, str]
    """The verdict of each check of quality control."""
    stills: int
    history: tuple[str, ...]
    refusals: Mapping[str, int]
    """The HTTP status of each attempt without the right to it."""


class _UnexpectedError(Exception):
    """What a step found is not what has to be; the message says both."""


def find_browser() -> Path | None:
    """Return the machine's Chromium: what ``CHROMIUM`` names, else the first on the PATH."""
    named = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [named] if named else _NAMES)), None)
    return Path(found) if found else None


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


def check_dashboard(
    *, url: str, username: str, password: str, delivery_id: str, screenshots: tuple[Path, Path]
) -> DashboardCheck:
    """Sign in as a studio, find a delivery in the list, read it, then try what must be refused.

    Parameters
    ----------
    url
        The dashboard's address, for example ``http://127.0.0.1:8443/studio.html``.
    username, password, delivery_id
        A studio's user, and a delivery of it that quality control has measured, or that was rejected.
    screenshots
        Where to save the list (PNG, 1280 by 800) and the delivery (PNG, the whole page).

    Raises
    ------
    BrowserError
        If the machine has no Chromium, or it does not start.
    DashboardCheckError
        If a step failed. Its screenshot and console log lie beside the first of `screenshots`.
    """
    in_list, in_full = screenshots
    in_full.parent.mkdir(parents=True, exist_ok=True)
    visit = _DeskVisit(url=url, username=username, password=password, delivery_id=delivery_id, in_full=in_full)
    return visit.run(in_list)


_Seen = TypeVar("_Seen")


class _Visit(ABC, Generic[_Seen]):
    """One person's visit, and what it left behind for a report."""

    _page: Page
    _user_label: str
    _signed_in: str
    """What is there once the sign-in has worked."""
    _failed: type[CheckError]

    def __init__(self, *, url: str, username: str, password: str) -> None:
        self._url = url
        self._username = username
        self._password = password
        self._step = "open the page"
        self._console: list[str] = []
        self._requests: list[Request] = []

    @property
    def _patience_s(self) -> float:
        return _VISIT_TIMEOUT_S

    @abstractmethod
    async def _visit(self, screenshot: Path) -> _Seen:
        """Do what is done once one is signed in."""

    def run(self, screenshot: Path) -> _Seen:
        """Visit in a browser of its own, with a fresh profile."""
        executable = find_browser()
        if executable is None:
            raise BrowserError(BROWSER_HELP)
        screenshot.parent.mkdir(parents=True, exist_ok=True)
        return asyncio.run(self._run(executable=executable, screenshot=screenshot))

    async def _run(self, *, executable: Path, screenshot: Path) -> _Seen:
        with TemporaryDirectory(prefix="marquee-browser-") as profile:
            async with async_playwright() as playwright:
                context = await _start(playwright=playwright, executable=executable, profile=profile)
                try:
                    self._observe(context)
                    # `evaluate` has no time-out of its own, so the visit as a whole has one.
                    async with asyncio.timeout(self._patience_s):
                        await self._sign_in()
                        return await self._visit(screenshot)
                except (PlaywrightError, TimeoutError, _UnexpectedError) as error:
                    raise await self._failure(error, screenshot=screenshot) from error
                finally:
                    await context.close()

    def _observe(self, context: BrowserContext) -> None:
        context.set_default_timeout(_STEP_TIMEOUT_S * 1000)
        self._page = context.pages[0]
        self._page.on("console", lambda message: self._console.append(f"{message.type}: {message.text}"))
        self._page.on("pageerror", lambda error: self._console.append(f"uncaught: {error}"))
        self._page.on("request", self._note_request)
        self._page.on("response", self._note_response)

    def _note_request(self, request: Request) -> None:
        self._requests.append(request)

    def _note_response(self, response: Response) -> None:
        if not response.ok:
            self._console.append(f"http: {response.status} {response.request.method} {response.url}")

    async def _sign_in(self) -> None:
        await self._page.goto(self._url)
        self._step = "sign in"
        await self._page.get_by_label(self._user_label, exact=True).fill(self._username)
        await self._page.get_by_label("Password", exact=True).fill(self._password)
        await self._page.get_by_role("button", name="Sign in").click()
        # Whichever comes first: what one signs in for, or the form's complaint.
        await self._page.wait_for_selector(f"{self._signed_in}, #credentials .complaint:not(:empty)")
        complaint = await self._page.locator("#credentials .complaint").text_content()
        if complaint:
            raise _UnexpectedError(complaint)

    async def _failure(self, error: Exception, *, screenshot: Path) -> CheckError:
        reason = "took too long" if isinstance(error, TimeoutError) else str(error).splitlines()[0]
        picture, console = screenshot.with_suffix(".failed.png"), screenshot.with_suffix(".console.log")
        try:
            await self._page.screenshot(path=picture)
        except PlaywrightError as lost:  # the browser itself may be what failed
            self._console.append(f"no screenshot: {lost}")
        console.write_text("\n".join(self._console) + "\n", encoding="utf-8")
        return self._failed(step=self._step, reason=reason, screenshot=picture, console=console)

    def _seen(self, part: str) -> str:
        found = next((request.url for request in self._requests if part in urlsplit(request.url).path), None)
        if found is None:
            raise _UnexpectedError(f"the page asked for nothing under {part}")
        return found

    async def _status(self, method: str, url: str) -> int:
        # The context's own client: it sends none of the page's headers.
        body = {"kids": [], "type": "temporary"} if method == "POST" else None
        answer = await self._page.context.request.fetch(url, method=method, data=body)
        return answer.status


class _Viewing(_Visit[PlaybackCheck]):
    """A viewer's visit."""

    _user_label = "Email or user name"
    _signed_in = "#catalog:not([hidden]) h1"
    _failed = PlaybackCheckError

    def __init__(self, *, url: str, username: str, password: str, title_id: str, seconds: float) -> None:
        super().__init__(url=url, username=username, password=password)
        self._title_id = title_id
        self._seconds = seconds

    @property
    def _patience_s(self) -> float:
        return _VISIT_TIMEOUT_S + self._seconds * _SLACK

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
            raise _UnexpectedError(outcome["fault"])
        return float(outcome["played"])

    async def _photograph(self, screenshot: Path) -> None:
        self._step = "take the screenshot"
        # Over the picture, so that the controls show how far the film is; the picture is taken once they are there.
        await self._page.mouse.move(_WINDOW_WIDTH / 2, _WINDOW_HEIGHT / 3)
        await self._page.locator('.shaka-controls-container[shown="true"]').wait_for()
        await self._page.evaluate(_TRANSITIONS_END)
        await self._page.screenshot(path=screenshot)

    async def _preview(self) -> str:
        self._step = "look for a place by its picture"
        bar = await self._page.locator(".shaka-seek-bar-container").bounding_box()
        if bar is None:
            raise _UnexpectedError("there is no seek bar")
        await self._page.mouse.move(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
        await self._page.locator(".shaka-player-ui-thumbnail-image[src]").wait_for()
        sheet: str = await self._page.evaluate(_PREVIEW)
        return sheet

    async def _measure(self) -> dict[str, Any]:
        self._step = "measure"
        seen: dict[str, Any] = await self._page.evaluate(_MEASUREMENTS)
        if not seen["decrypted"]:
            raise _UnexpectedError("the film played, but it is not encrypted")
        if seen["crossed_segments"] < 1:
            raise _UnexpectedError("no segment border was crossed: play longer than a segment")
        if seen["first_frame_ms"] is None:
            raise _UnexpectedError("the page did not notice its first frame")
        return seen

    async def _trespass(self) -> dict[str, int]:
        # The paths are those of the requests that the page has just made: what is refused here is the missing
        # right, and not a path that does not exist.
        self._step = "be refused"
        segment, license_url = self._seen("/media/"), self._seen("/api/playback/license")
        token = urlsplit(segment).path.split("/")[2]
        allowed = await self._status("GET", segment)
        if allowed not in {200, 206}:
            raise _UnexpectedError(f"a segment with its token gave {allowed}, not 200: refusals prove nothing")
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
                raise _UnexpectedError(f"{attempt} gave {status}, not {wanted}")
            refusals[attempt] = status
        return refusals


class _DeskVisit(_Visit[DashboardCheck]):
    """A studio's visit."""

    _user_label = "Email"
    _signed_in = "#list:not([hidden])"
    _failed = DashboardCheckError

    def __init__(self, *, url: str, username: str, password: str, delivery_id: str, in_full: Path) -> None:
        super().__init__(url=url, username=username, password=password)
        self._delivery_id = delivery_id
        self._in_full = in_full

    async def _visit(self, screenshot: Path) -> DashboardCheck:
        self._step = f"find {self._delivery_id!r} in the list"
        row = self._page.locator(f'tr[data-delivery="{self._delivery_id}"]').first
        await row.wait_for()
        await self._page.screenshot(path=screenshot)
        self._step = "read the delivery"
        await row.get_by_role("link").click()
        await self._page.locator(".checks .check, .findings li").first.wait_for()
        await self._page.mouse.move(0, 0)
        outcome: dict[str, Any] = await self._page.evaluate(_READ)
        await self._page.screenshot(path=self._in_full, full_page=True)
        self._require(outcome)
        return DashboardCheck(
            title=outcome["title"],
            stage=outcome["stage"],
            checks=outcome["checks"],
            stills=outcome["stills"],
            history=tuple(outcome["history"]),
            refusals=await self._trespass(),
        )

    def _require(self, read: dict[str, Any]) -> None:
        if read["missing"]:
            raise _UnexpectedError(f"pictures that a check names are not shown: {', '.join(read['missing'])}")
        for part in ("title", "stage", "history"):
            if not read[part]:
                raise _UnexpectedError(f"the delivery's page does not say its {part}")
        complaints = [line for line in self._console if line.startswith(("error:", "uncaught:"))]
        if complaints:
            raise _UnexpectedError(f"the page complains: {complaints[0]}")

    async def _trespass(self) -> dict[str, int]:
        self._step = "be refused"
        list_url = self._seen("/api/ingest/deliveries")
        delivery_url = self._seen(f"/api/ingest/deliveries/{quote(self._delivery_id, safe='')}")
        refusals = {}
        for attempt, url in (("list without a sign-in", list_url), ("delivery without a sign-in", delivery_url)):
            status = await self._status("GET", url)
            if status != HTTPStatus.UNAUTHORIZED:
                raise _UnexpectedError(f"{attempt} gave {status}, not 401")
            refusals[attempt] = status
        return refusals


async def _start(*, playwright: Playwright, executable: Path, profile: str) -> BrowserContext:
    try:
        return await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=executable,
            args=BROWSER_FLAGS,
            viewport={"width": _WINDOW_WIDTH, "height": _WINDOW_HEIGHT},
            timeout=_START_TIMEOUT_S * 1000,
        )
    except PlaywrightError as error:
        raise BrowserError(f"{executable} does not start ({error.message.splitlines()[0]}): {BROWSER_HELP}") from error


def _tampered(token: str) -> str:
    # In the middle of the signature: the last character of base64url carries padding bits that may not count.
    middle = len(token) - 10
    return token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
