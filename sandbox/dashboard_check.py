"""Reads a delivery on the dashboard in a real browser as its studio does, and tries to read it as nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox.browser import CheckError, UnexpectedError, Visit

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
    rungs: [...document.querySelectorAll(".plot .rung.mark")].map(({ textContent }) => textContent.split(",")[0]),
    history: [...document.querySelectorAll(".history p")].map(({ textContent }) => textContent),
  };
}
"""


class DashboardCheckError(CheckError):
    """A studio does not see its delivery, or somebody else does."""


@dataclass(frozen=True, kw_only=True)
class DashboardCheck:
    """What a studio read of its delivery."""

    title: str
    stage: str
    checks: Mapping[str, str]
    """The verdict of each check of quality control."""
    stills: int
    rungs: tuple[str, ...]
    """Those that the picture of the ladder shows as chosen; none, before there is a ladder."""
    history: tuple[str, ...]
    refusals: Mapping[str, int]
    """The HTTP status of each attempt without the right to it."""


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


class _DeskVisit(Visit[DashboardCheck]):
    """A studio's visit."""

    _signed_in = "#list:not([hidden])"
    _failed = DashboardCheckError

    def __init__(self, *, url: str, username: str, password: str, delivery_id: str, in_full: Path) -> None:
        super().__init__(url=url, username=username, password=password)
        self._delivery_id = delivery_id
        self._in_full = in_full

    async def _give_credentials(self) -> str:
        await self._page.get_by_label("Email", exact=True).fill(self._username)
        await self._page.get_by_label("Password", exact=True).fill(self._password)
        await self._page.get_by_role("button", name="Sign in").click()
        return "#credentials .complaint:not(:empty)"

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
            rungs=tuple(outcome["rungs"]),
            history=tuple(outcome["history"]),
            refusals=await self._trespass(),
        )

    def _require(self, read: dict[str, Any]) -> None:
        if read["missing"]:
            raise UnexpectedError(f"pictures that a check names are not shown: {', '.join(read['missing'])}")
        for part in ("title", "stage", "history"):
            if not read[part]:
                raise UnexpectedError(f"the delivery's page does not say its {part}")
        complaints = [line for line in self._console if line.startswith(("error:", "uncaught:"))]
        if complaints:
            raise UnexpectedError(f"the page complains: {complaints[0]}")

    async def _trespass(self) -> dict[str, int]:
        self._step = "be refused"
        list_url = self._seen("/api/ingest/deliveries")
        delivery_url = self._seen(f"/api/ingest/deliveries/{quote(self._delivery_id, safe='')}")
        refusals = {}
        for attempt, url in (("list without a sign-in", list_url), ("delivery without a sign-in", delivery_url)):
            status = await self._status("GET", url)
            if status != HTTPStatus.UNAUTHORIZED:
                raise UnexpectedError(f"{attempt} gave {status}, not 401")
            refusals[attempt] = status
        return refusals
