"""The deployed page in a real browser: the film plays, decrypted, and whoever has no right to it is refused."""

import pytest

from tests.platform.conftest import NEEDS
from tests.platform.viewer import TITLE

pytestmark = [pytest.mark.embedded, pytest.mark.browser]


@pytest.fixture(scope="session")
def check_playback():
    """The check itself, where there is a browser to make it in; asked for before anything is deployed for it."""
    pytest.importorskip("playwright", reason=NEEDS)
    from sandbox import browser, playback_check  # noqa: PLC0415

    if browser.find_browser() is None:
        pytest.skip(browser.BROWSER_HELP)
    return playback_check.check_playback


def test_the_film_plays_in_chromium(check_playback, platform, published, tmp_path):
    screenshot = tmp_path / "player.png"
    seen = check_playback(
        url=f"{platform.up.edge.url}/",
        username=published.viewer.username,
        password=published.viewer.password,
        title_id=TITLE,
        screenshot=screenshot,
        seconds=8,
    )
    assert seen.decrypted
    assert seen.key_system == "org.w3.clearkey"
    assert seen.played_s >= 8
    assert seen.crossed_segments >= 1
    assert seen.preview.startswith(f"{TITLE}/{published.outcome.version_id}/thumbnails/")
    assert (seen.width, seen.height) in {(854, 480), (640, 360)}
    assert len(seen.refusals) == 5
    assert set(seen.refusals.values()) <= {401, 403}
    assert screenshot.read_bytes().startswith(b"\x89PNG")
