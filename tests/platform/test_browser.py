"""The film in a real browser: it plays, decrypted, on the deployed page and in players that others use."""

import pytest

from tests.platform.conftest import NEEDS
from tests.platform.viewer import TITLE

pytestmark = [pytest.mark.embedded, pytest.mark.browser]


@pytest.fixture(scope="session")
def browser():
    """Asked for before anything is deployed for it."""
    pytest.importorskip("playwright", reason=NEEDS)
    from sandbox.browser import BROWSER_HELP, find_browser  # noqa: PLC0415

    if find_browser() is None:
        pytest.skip(BROWSER_HELP)


@pytest.fixture(autouse=True)
def nobody_else_watches(platform, published):
    """Whoever watched before on the same account has left, and its plan's places are free."""
    leases = {"TableName": platform.resource("playback", "Leases", kind="AWS::DynamoDB::GlobalTable")}
    dynamodb = platform.client("dynamodb")
    for held in dynamodb.scan(**leases, ProjectionExpression="viewer_id")["Items"]:
        dynamodb.delete_item(**leases, Key=held)


def test_the_film_plays_on_the_page(browser, platform, published, tmp_path):
    from sandbox.playback_check import check_playback  # noqa: PLC0415

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


def test_the_film_plays_in_dash_js_and_hls_js(browser, platform, published, tmp_path):
    from sandbox.players_check import check_players  # noqa: PLC0415

    seen = check_players(
        url=f"{platform.up.edge.url}/",
        username=published.viewer.username,
        password=published.viewer.password,
        title_id=TITLE,
        screenshot=tmp_path / "playing.png",
        seconds=6,
    )
    sizes = {(rung.width, rung.height) for rung in published.outcome.package.renditions}
    assert seen.keys() == {"dashjs", "hlsjs"}
    for played in seen.values():
        assert played.played_s >= 6
        assert (played.width, played.height) in sizes
        assert played.licences >= 1
