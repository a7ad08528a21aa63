from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.player.desk import BLACK, LOUDNESS, STUDIO_USER, listed, version
from tests.player.house import PASSWORD, TITLE, USERNAME

pytest.importorskip("playwright", reason="needs requirements-sandbox.txt")

from sandbox.browser import BROWSER_HELP, BrowserError, find_browser
from sandbox.dashboard_check import DashboardCheckError, check_dashboard
from sandbox.playback_check import PlaybackCheckError, check_playback


@pytest.fixture
def check(house, tmp_path):
    if find_browser() is None:
        pytest.skip(BROWSER_HELP)

    def run(**changes):
        arguments = {
            "url": house.url,
            "username": USERNAME,
            "password": PASSWORD,
            "title_id": TITLE["title_id"],
            "screenshot": tmp_path / "playing.png",
            "seconds": 5,
        }
        # In a thread of its own: Playwright allows one synchronous session a thread.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(check_playback, **(arguments | changes)).result()

    return run


@pytest.mark.browser
def test_an_encrypted_film_plays_across_segments_and_trespassers_are_refused(check, tmp_path):
    seen = check()
    assert seen.decrypted
    assert seen.key_system == "org.w3.clearkey"
    assert seen.played_s >= 5
    assert seen.crossed_segments >= 2
    assert (seen.width, seen.height) == (320, 180)
    assert 0 < seen.session_ms < seen.first_frame_ms < 10_000
    assert 0 < seen.licence_ms < seen.first_frame_ms
    assert seen.preview == "the-gradient/v1/thumbnails/sprite-0000.jpg"
    assert set(seen.refusals.values()) == {401, 403}
    assert (tmp_path / "playing.png").stat().st_size > 10_000


@pytest.mark.browser
def test_a_failed_step_is_named_and_leaves_its_evidence(check):
    with pytest.raises(PlaybackCheckError, match="sign in: Incorrect username or password") as caught:
        check(password="wrong")
    assert caught.value.screenshot.stat().st_size > 0
    assert caught.value.console.is_file()


@pytest.mark.browser
def test_a_film_that_does_not_play_fails_the_check_with_what_the_viewer_reads(check, house):
    house.titles = [TITLE | {"title_id": "withdrawn"}]
    with pytest.raises(PlaybackCheckError, match=r"play 5 s: This film is not showing .* API 404"):
        check(title_id="withdrawn")


@pytest.mark.browser
def test_a_film_without_previews_fails_the_check(check, house, monkeypatch):
    monkeypatch.setattr("sandbox.browser._STEP_TIMEOUT_S", 4)
    house.thumbnails = None
    with pytest.raises(PlaybackCheckError, match="look for a place by its picture"):
        check(seconds=0.5)


@pytest.mark.browser
def test_an_edge_that_does_not_look_at_tokens_fails_the_check(check, house):
    house.edge_is_open = True
    with pytest.raises(PlaybackCheckError, match="be refused: segment with garbage for a token gave 200, not 403"):
        check(seconds=0.5)


@pytest.fixture
def read(desk, tmp_path):
    if find_browser() is None:
        pytest.skip(BROWSER_HELP)
    desk.deliveries = [listed("reel-2", stage="in_review", verdict="review")]
    desk.versions = {"reel-2": [version("reel-2", stage="in_review", verdict="review", checks=[BLACK, LOUDNESS])]}

    def run(**changes):
        arguments = {
            "url": f"{desk.url}studio.html",
            "username": STUDIO_USER,
            "password": PASSWORD,
            "delivery_id": "reel-2",
            "screenshots": (tmp_path / "list.png", tmp_path / "delivery.png"),
        }
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(check_dashboard, **(arguments | changes)).result()

    return run


@pytest.mark.browser
def test_a_studio_reads_its_delivery_and_strangers_are_refused(read, tmp_path):
    seen = read()
    assert (seen.title, seen.stage) == ("Big Buck Bunny", "In review")
    assert seen.checks == {"black": "Review", "loudness": "Pass"}
    assert seen.stills == len(BLACK["at"])
    assert seen.history
    assert set(seen.refusals.values()) == {401}
    assert min((tmp_path / name).stat().st_size for name in ("list.png", "delivery.png")) > 10_000


@pytest.mark.browser
def test_a_picture_that_is_not_shown_fails_the_check(read, desk):
    desk.stills = {}
    with pytest.raises(DashboardCheckError, match="read the delivery: pictures that a check names are not shown"):
        read()


@pytest.mark.browser
def test_an_api_that_asks_for_no_token_fails_the_check(read, desk):
    desk.open_to_all = True
    with pytest.raises(DashboardCheckError, match="list without a sign-in gave 200, not 401"):
        read()


def test_the_browser_is_what_chromium_names(monkeypatch, tmp_path):
    browser = tmp_path / "my-browser"
    browser.touch(mode=0o755)
    monkeypatch.setenv("CHROMIUM", str(browser))
    assert find_browser() == browser


def test_without_a_browser_the_check_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_browser() is None
    with pytest.raises(BrowserError, match="apt-get install chromium"):
        check_playback(url="", username="", password="", title_id="", screenshot=tmp_path / "x.png")


@pytest.mark.browser
def test_a_browser_that_does_not_start_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("CHROMIUM", "true")
    with pytest.raises(BrowserError, match="true does not start"), ThreadPoolExecutor(1) as pool:
        pool.submit(
            check_playback, url="", username="", password="", title_id="", screenshot=tmp_path / "x.png"
        ).result()
