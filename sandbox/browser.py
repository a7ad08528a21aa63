"""One person's visit to a deployed page, in the machine's own Chromium, and what it leaves behind when it fails."""

from __future__ import annotations

import asyncio
import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic, TypeVar
from urllib.parse import urlsplit

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
WINDOW_WIDTH, WINDOW_HEIGHT = 1280, 800
_START_TIMEOUT_S = 60  # a cold browser on a busy machine
_STEP_TIMEOUT_S = 20
VISIT_TIMEOUT_S = 60


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


class UnexpectedError(Exception):
    """What a step found is not what has to be; the message says both."""


def find_browser() -> Path | None:
    """Return the machine's Chromium: what ``CHROMIUM`` names, else the first on the PATH."""
    named = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [named] if named else _NAMES)), None)
    return Path(found) if found else None


_Seen = TypeVar("_Seen")


class Visit(ABC, Generic[_Seen]):
    """One person's visit, and what it left behind for a report."""

    _page: Page
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
        return VISIT_TIMEOUT_S

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
                except (PlaywrightError, TimeoutError, UnexpectedError) as error:
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
        complaints = await self._give_credentials()
        # Whichever comes first: what one signs in for, or a complaint.
        await self._page.wait_for_selector(f"{self._signed_in}, {complaints}")
        complaint = self._page.locator(complaints)
        if await complaint.count():
            raise UnexpectedError(await complaint.first.inner_text())

    @abstractmethod
    async def _give_credentials(self) -> str:
        """Say who one is; return the selector of what a complaint would be shown in."""

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
            raise UnexpectedError(f"the page asked for nothing under {part}")
        return found

    async def _status(self, method: str, url: str) -> int:
        # The context's own client: it sends none of the page's headers.
        body = {"kids": [], "type": "temporary"} if method == "POST" else None
        answer = await self._page.context.request.fetch(url, method=method, data=body)
        return answer.status


class ViewerVisit(Visit[_Seen]):
    """A viewer's visit, to watch some seconds of a title."""

    _signed_in = "#catalog:not([hidden]) h1"

    def __init__(self, *, url: str, username: str, password: str, title_id: str, seconds: float) -> None:
        super().__init__(url=url, username=username, password=password)
        self._title_id = title_id
        self._seconds = seconds

    async def _give_credentials(self) -> str:
        await self._page.get_by_role("button", name="Sign in").click()
        # From here on it is Cognito's page. Its button has no name that could be relied on: Enter sends the form.
        await self._page.locator("[name=username]").fill(self._username)
        password = self._page.locator("[name=password]")
        await password.fill(self._password)
        await password.press("Enter")
        return ".error, #signin:not([hidden]) .complaint:not(:empty)"


async def _start(*, playwright: Playwright, executable: Path, profile: str) -> BrowserContext:
    try:
        return await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=executable,
            args=BROWSER_FLAGS,
            viewport={"width": WINDOW_WIDTH, "height": WINDOW_HEIGHT},
            timeout=_START_TIMEOUT_S * 1000,
        )
    except PlaywrightError as error:
        raise BrowserError(f"{executable} does not start ({error.message.splitlines()[0]}): {BROWSER_HELP}") from error
