from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.player.house import PASSWORD, TITLE, USERNAME

pytest.importorskip("playwright", reason="needs requirements-sandbox.txt")

from sandbox.browser import (
    BROWSER_HELP,
    BrowserError,
    PlaybackCheckError,
    check_playback,
    find_browser,
)


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
    assert 0 < seen.first_frame_ms < 10_000
    assert set(seen.refusals.values()) == {401, 403}
    assert (tmp_path / "playing.png").stat().st_size > 10_000


@pytest.mark.browser
def test_a_failed_step_is_named_and_leaves_its_evidence(check):
    with pytest.raises(PlaybackCheckError, match="sign in: That user name and password do not match") as caught:
        check(password="wrong")
    assert caught.value.screenshot.stat().st_size > 0
    assert "http: 400 POST" in caught.value.console.read_text()


@pytest.mark.browser
def test_a_film_that_does_not_play_fails_the_check_with_what_the_viewer_reads(check, house):
    house.titles = [TITLE | {"title_id": "withdrawn"}]
    with pytest.raises(PlaybackCheckError, match=r"play 5 s: This film is not showing .* API 404"):
        check(title_id="withdrawn")


@pytest.mark.browser
def test_an_edge_that_does_not_look_at_tokens_fails_the_check(check, house):
    house.edge_is_open = True
    with pytest.raises(PlaybackCheckError, match="be refused: segment with garbage for a token gave 200, not 403"):
        check(seconds=0.5)


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
