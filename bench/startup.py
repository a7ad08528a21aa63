"""From the click to the first frame, decrypted, in Chromium: our start-up beside Shaka Player's as it comes.

Both play the same title of one deployed platform for the same viewer, in one browser, in turn. The peer is a copy of
the deployed page in which one file is another: ``bench/stock/playback.js`` does what Shaka Player's tutorial does. It
asks for a session, then loads the manifest, and licences are asked for when the manifest is there, one a key. So the
library, the catalog that is clicked in, the view that is drawn and the controls are the same, and only the steps
differ. Both are loaded, signed in and quiet before the click.

A slower network is emulated by Chromium (CDP, ``Network.emulateNetworkConditions``): each answer takes the round trip
at least, and all together share the throughput. That is kind to whoever sends more requests one after the other: what a
server takes is hidden in the round trip. It knows no DNS, no TCP and TLS handshakes, no slow start and no loss.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urljoin

from playwright.async_api import CDPSession

from bench.published import published_film
from bench.row import Figure
from sandbox.browser import VISIT_TIMEOUT_S, CheckError, UnexpectedError, ViewerVisit
from sandbox.deployed import Deployed
from sandbox.edge_deployment import read_deployment
from sandbox.toolchain import PROJECT_ROOT
from sandbox.viewer import Viewer

RUNS = 15
"""Of each page in each network, after one that does not count."""
_RUN_S = 20.0
_ACCEPTED = 200
_STOCK = PROJECT_ROOT / "bench/stock/playback.js"
_FOLDER = "stock/"
_PAGE = "index.html"
_REWIND = """
async (titleId) => {
  const { idToken } = JSON.parse(sessionStorage.getItem("marquee.session"));
  const headers = { Authorization: `Bearer ${idToken}`, "Content-Type": "application/json" };
  const report = { title_id: titleId, position_s: 0, recorded_at: new Date().toISOString() };
  return (await fetch("/api/playback/progress", { method: "POST", headers, body: JSON.stringify(report) })).status;
}
"""
_FIRST_FRAME = """
async () => {
  for (;;) {
    const trouble = document.querySelector("#trouble:not([hidden]) .panel");
    if (trouble) return { fault: trouble.innerText.replaceAll(/\\s+/g, " ") };
    const { first_frame_ms } = window.marquee.metrics;
    if (first_frame_ms !== null) return { first_frame_ms, key_system: window.marquee.player.drmInfo()?.keySystem };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
"""


class Network(NamedTuple):
    """How far the platform is from the browser."""

    rtt_ms: int
    mbps: int | None
    """Megabits a second down, and up; none: as many as the machine moves."""

    def __str__(self) -> str:
        return f"{self.rtt_ms} ms" + (f", {self.mbps} Mbit/s" if self.mbps else "")


NETWORKS = (Network(rtt_ms=0, mbps=None), Network(rtt_ms=50, mbps=20))


class FirstFrames(NamedTuple):
    """Milliseconds from the click to the first frame, of each run."""

    ours: tuple[float, ...]
    stock: tuple[float, ...]


class StartUpError(CheckError):
    """A page did not come to its first frame, or showed it in the clear."""


def figures() -> Iterator[Figure]:
    """Bring the platform up with a film on it, and start it on both pages."""
    with published_film() as (up, published), tempfile.TemporaryDirectory() as name:
        seen = start(
            up.platform,
            url=f"{up.edge.url}/",
            viewer=published.viewer,
            title_id=published.delivery.manifest.title.title_id,
            runs=RUNS,
            screenshot=Path(name) / "start.png",
        )
    yield from compared(seen)


def compared(seen: Mapping[Network, FirstFrames]) -> Iterator[Figure]:
    """Yield the median of each network, and what lies between its quickest and its slowest run."""
    for network, frames in seen.items():
        ours, stock = median(frames.ours), median(frames.stock)
        spread = f"{min(frames.ours):.0f} to {max(frames.ours):.0f}"
        peers = f"{min(frames.stock):.0f} to {max(frames.stock):.0f}"
        yield Figure(
            f"first frame, {network} ({spread})", ours, f"the plain flow of stock shaka-player ({peers})", stock, "ms"
        )


def start(
    platform: Deployed, *, url: str, viewer: Viewer, title_id: str, runs: int, screenshot: Path
) -> dict[Network, FirstFrames]:
    """Start a title `runs` times and once more on both pages, in each of `NETWORKS`.

    Parameters
    ----------
    url
        The page's address, for example ``http://127.0.0.1:8443/``.
    screenshot
        Where the page's picture comes to lie if something fails, its name changed.

    Raises
    ------
    BrowserError
        If the machine has no Chromium, or it does not start.
    StartUpError
        If a film does not start, or is not encrypted.
    """
    with _copy_of_the_page(platform):
        visit = _Starting(url=url, viewer=viewer, title_id=title_id, runs=runs)
        return visit.run(screenshot)


class _Starting(ViewerVisit[dict[Network, FirstFrames]]):
    """A viewer who starts a film again and again."""

    _failed = StartUpError

    def __init__(self, *, url: str, viewer: Viewer, title_id: str, runs: int) -> None:
        # The seconds are those of the film: one frame is seen.
        super().__init__(url=url, username=viewer.username, password=viewer.password, title_id=title_id, seconds=0)
        self._runs = runs

    @property
    def _patience_s(self) -> float:
        return VISIT_TIMEOUT_S + len(NETWORKS) * 2 * (self._runs + 1) * _RUN_S

    async def _visit(self, screenshot: Path) -> dict[Network, FirstFrames]:  # noqa: ARG002 - nothing is to be shown
        devtools = await self._page.context.new_cdp_session(self._page)
        return {network: await self._in(network, devtools) for network in NETWORKS}

    async def _in(self, network: Network, devtools: CDPSession) -> FirstFrames:
        rate = network.mbps * 1_000_000 / 8 if network.mbps else -1
        conditions = {"latency": network.rtt_ms, "downloadThroughput": rate, "uploadThroughput": rate}
        await devtools.send("Network.enable")
        await devtools.send("Network.emulateNetworkConditions", {"offline": False, **conditions})
        # The first of each fills the edge's cache, and starts the functions.
        runs = [
            (await self._first_frame(""), await self._first_frame(f"{_FOLDER}{_PAGE}")) for _ in range(self._runs + 1)
        ]
        ours, stock = zip(*runs[1:], strict=True)
        return FirstFrames(ours=ours, stock=stock)

    async def _first_frame(self, page: str) -> float:
        self._step = f"start {self._title_id!r} on /{page}"
        await self._page.goto(urljoin(self._url, page))
        await self._page.wait_for_load_state("networkidle")
        # From its beginning, wherever the run before has left it.
        if (status := await self._page.evaluate(_REWIND, self._title_id)) != _ACCEPTED:
            raise UnexpectedError(f"the position was not taken back: {status}")
        await self._page.locator(f'.card[data-title="{self._title_id}"]').first.click()
        return _decrypted(await self._page.evaluate(_FIRST_FRAME))


def _decrypted(seen: Mapping[str, Any]) -> float:
    if "fault" in seen:
        raise UnexpectedError(seen["fault"])
    if not seen["key_system"]:
        raise UnexpectedError("the film played, but it is not encrypted")
    return float(seen["first_frame_ms"])


@contextmanager
def _copy_of_the_page(platform: Deployed) -> Iterator[None]:
    """Lay a copy of the deployed page beside it, with the peer's playback, for as long as it is measured."""
    if platform.endpoint is None:
        raise ValueError("the edge is read from an embedded cloud: give its endpoint")
    deployment = read_deployment(
        session=platform.session,
        endpoint=platform.endpoint,
        distribution_id=platform.output("delivery", "DistributionId"),
    )
    bucket = deployment.behaviours[-1].origin.name
    files = json.loads((PROJECT_ROOT / "player/deployment.json").read_text(encoding="utf-8"))["page"]
    with ExitStack() as stack:
        s3 = stack.enter_context(closing(platform.client("s3")))
        for name in files:
            deployed = s3.get_object(Bucket=bucket, Key=name)
            body = _STOCK.read_bytes() if name == _STOCK.name else deployed["Body"].read()
            if name == _PAGE:
                body = body.replace(b'src="/app.js"', f'src="/{_FOLDER}app.js"'.encode())
            s3.put_object(Bucket=bucket, Key=f"{_FOLDER}{name}", Body=body, ContentType=deployed["ContentType"])
            stack.callback(s3.delete_object, Bucket=bucket, Key=f"{_FOLDER}{name}")
        yield
