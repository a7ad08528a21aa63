"""The benches of playback do what a viewer does, and leave nothing behind; how long it takes is not asked here."""

import pytest

from tests.platform.conftest import NEEDS
from tests.platform.viewer import TITLE

pytestmark = pytest.mark.embedded


def test_the_floor_is_behind_the_viewers_sign_in_and_is_gone_afterwards(platform, viewer, thief, published):
    from bench import api  # noqa: PLC0415

    with api.empty_handler(platform.up.platform):
        assert thief.post(api.FLOOR_PATH, {}).status == 401
        assert viewer.post(api.FLOOR_PATH, {}).status == 204
    assert viewer.post(api.FLOOR_PATH, {}).status == 404


def test_the_bench_of_the_api_asks_what_a_viewer_asks(platform, published):
    from bench import api  # noqa: PLC0415

    asked = api.ask(platform.up.platform, port=platform.up.edge.port, viewer=published.viewer, title_id=TITLE, rounds=2)
    assert {"session", "heartbeat", "progress", "licence"} < asked.keys()
    assert {len(seconds) for seconds in asked.values()} == {2}


@pytest.mark.browser
def test_the_film_starts_on_the_page_and_on_the_copy_with_the_plain_flow(platform, published, tmp_path, monkeypatch):
    pytest.importorskip("playwright", reason=NEEDS)
    from bench import startup  # noqa: PLC0415
    from sandbox.browser import BROWSER_HELP, find_browser  # noqa: PLC0415

    if find_browser() is None:
        pytest.skip(BROWSER_HELP)
    monkeypatch.setattr(startup, "NETWORKS", startup.NETWORKS[:1])
    seen = startup.start(
        platform.up.platform,
        url=f"{platform.up.edge.url}/",
        viewer=published.viewer,
        title_id=TITLE,
        runs=1,
        screenshot=tmp_path / "start.png",
    )
    assert seen.keys() == {startup.NETWORKS[0]}
    [(ours, stock)] = seen.values()
    assert min(ours + stock) > 0
