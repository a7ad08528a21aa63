"""The packaged film in the players that others use."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lambdas.common.keys import VersionLayout
from lambdas.playback.pathways import Pathways
from tests.player.film import HEIGHT, WIDTH
from tests.player.house import PASSWORD, REPOSITORY, TITLE, USERNAME

pytest.importorskip("playwright", reason="needs requirements-sandbox.txt")

from sandbox import browser
from sandbox.browser import BROWSER_FLAGS, BROWSER_HELP, UnexpectedError, find_browser
from sandbox.players_check import PLAYERS, Played, PlayersCheckError, check_players

SEEN = {
    "played_s": 6.04,
    "frames": 151,
    "size": [WIDTH, HEIGHT],
    "declared": [WIDTH, HEIGHT],
    "protected": True,
    "licences": 2,
}


@pytest.fixture
def check(house, tmp_path):
    if find_browser() is None:
        pytest.skip(BROWSER_HELP)
    if not (REPOSITORY / "node_modules/dashjs").is_dir():
        pytest.skip("the players are missing: npm ci")

    def run(*, seconds):
        arguments = {
            "url": house.url,
            "username": USERNAME,
            "password": PASSWORD,
            "title_id": TITLE["title_id"],
            "screenshot": tmp_path / "playing.png",
            "seconds": seconds,
        }
        # In a thread of its own: Playwright allows one synchronous session a thread.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(check_players, **arguments).result()

    return run


@pytest.mark.browser
def test_an_encrypted_film_plays_in_every_player_across_segments(check, house, tmp_path):
    seen = check(seconds=3)
    assert seen.keys() == PLAYERS.keys()
    for player, played in seen.items():
        assert played.played_s >= 3
        assert (played.width, played.height) == (WIDTH, HEIGHT)
        assert played.licences >= 1
        assert (tmp_path / f"playing-{player}.png").read_bytes().startswith(b"\x89PNG")
    asked = {kid for request in house.asked("/api/playback/license") for kid in request.body["kids"]}
    assert len(asked) == len(house.film.keys)


@pytest.mark.browser
def test_every_player_plays_from_the_best_of_two_hosts_and_asks_for_their_order(check, house, cache, monkeypatch):
    # The check's own page comes from no address, so that Chromium asks for leave before it loads from loopback.
    leave = "--disable-features=LocalNetworkAccessChecks"
    monkeypatch.setattr(browser, "BROWSER_FLAGS", (*BROWSER_FLAGS, leave))
    house.pathways = Pathways(further=(cache.ranked(-1),))
    assert check(seconds=3).keys() == PLAYERS.keys()
    assert [seen.path for seen in house.asked("/media/")] == []
    for manifest, kind in (("dash", "_DASH_pathway"), ("hls", "_HLS_pathway")):
        assert any(seen.query == f"format={manifest}" for seen in house.asked("/api/playback/sessions/s1/manifest"))
        assert any(f"{kind}=" in seen.query for seen in house.asked("/api/playback/steering"))


@pytest.mark.browser
def test_a_player_that_gets_no_licence_fails_the_check(check, house):
    house.license_refused = True
    with pytest.raises(PlayersCheckError, match=r"play 1 s of DASH in dashjs: .*403"):
        check(seconds=1)


@pytest.mark.browser
def test_a_picture_of_another_size_than_the_manifest_says_fails_the_check(check, house, tmp_path):
    folder = shutil.copytree(house.film.folder, tmp_path / "film")
    manifest = folder / VersionLayout.DASH
    manifest.write_text(manifest.read_text().replace(f'width="{WIDTH}" height="{HEIGHT}"', 'width="640" height="360"'))
    house.film = replace(house.film, folder=folder)
    with pytest.raises(PlayersCheckError, match="the picture is 320x180, and the manifest says 640x360"):
        check(seconds=1)


def test_what_was_seen_is_told_if_it_is_what_was_promised():
    assert Played.of(SEEN) == Played(played_s=6.04, frames=151, width=WIDTH, height=HEIGHT, licences=2)


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        ({"protected": False}, "not encrypted"),
        ({"licences": 0}, "not encrypted"),
        ({"frames": 1}, "only 1 frames were decoded in 6.0 s"),
        ({"size": [640, 360]}, "the picture is 640x360, and the manifest says 320x180"),
    ],
    ids=["no keys", "no licence", "stands still", "another size"],
)
def test_a_film_that_only_seems_to_play_fails_the_check(seen, complaint):
    with pytest.raises(UnexpectedError, match=complaint):
        Played.of(SEEN | seen)
