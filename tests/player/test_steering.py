"""The page with two ways to the segments."""

import re

import pytest

from lambdas.playback.pathways import Pathways
from tests.player.film import DURATION_S, SEGMENT_S
from tests.player.test_page import sign_in, wait_for_position, wait_until

pytestmark = pytest.mark.browser

LAST = f"seg_{DURATION_S // SEGMENT_S}.m4s"


def segments(host):
    """The names of the segments that a host was asked for, of picture and sound."""
    return [seen.path.rpartition("/")[2] for seen in host.asked("/media/") if seen.path.endswith(".m4s")]


def watch(page, *, ahead_s=10):
    """Begin the film, of which so much is loaded in advance."""
    sign_in(page)
    link = page.get_by_role("listitem").get_by_role("link")
    link.wait_for()
    page.evaluate("(goal) => marquee.player.configure({ streaming: { bufferingGoal: goal } })", ahead_s)
    link.click()
    wait_for_position(page, 0.2)


def watch_the_last_segment(page):
    page.evaluate("(s) => { document.querySelector('video').currentTime = s; }", DURATION_S - SEGMENT_S + 0.2)
    wait_for_position(page, DURATION_S - SEGMENT_S + 0.5)
    assert page.get_by_role("alertdialog").is_hidden()


@pytest.mark.parametrize("dark_from", ["init.mp4", "seg_3.m4s"])
def test_the_film_plays_on_from_the_second_host_when_the_first_stops_answering(page, house, cache, dark_from):
    house.pathways = Pathways(further=(cache.ranked(-1),))
    cache.dark_from = dark_from
    watch(page)
    watch_the_last_segment(page)
    assert LAST in segments(house)
    # It is left out then, and not asked first each time.
    assert LAST not in segments(cache)


def test_the_second_host_is_known_although_the_steering_manifest_is_not_there(page, house, cache):
    house.pathways = Pathways(further=(cache.ranked(-1),))
    house.steering_is_away, cache.dark_from = True, "init.mp4"
    watch(page)
    watch_the_last_segment(page)
    assert LAST in segments(house)


def test_the_film_plays_on_from_the_other_host_when_the_distribution_stops_answering(page, house, cache):
    house.pathways = Pathways(further=(cache.ranked(1),))
    asked = []

    def unanswered(route):
        asked.append(route.request.url.rpartition("/")[2])
        route.abort()

    page.route(re.compile(rf"^{re.escape(house.url)}media/.*/seg_[34]\.m4s$"), unanswered)
    watch(page)
    watch_the_last_segment(page)
    assert "seg_3.m4s" in asked
    assert LAST not in asked
    assert LAST in segments(cache)


@pytest.mark.parametrize("rank", [-1, 1])
def test_the_player_moves_when_the_steering_manifest_says_so(page, house, cache, rank):
    house.pathways = Pathways(further=(cache.ranked(rank),))
    first, second = (cache, house) if rank < 0 else (house, cache)
    watch(page, ahead_s=1)
    assert "seg_1.m4s" in segments(first)
    assert segments(second) == []
    house.pathways = Pathways(further=(cache.ranked(-rank),))
    asked = len(house.asked("/api/playback/steering"))
    # The one after the next was answered when the next has been read.
    wait_until(page, lambda: len(house.asked("/api/playback/steering")) >= asked + 2)
    watch_the_last_segment(page)
    assert LAST in segments(second)
    assert LAST not in segments(first)
    questions = house.asked("/api/playback/steering")
    assert {seen.authorization for seen in questions} == {None}
    assert re.fullmatch(r"_DASH_pathway=(cdn|cache)&_DASH_throughput=\d+", questions[-1].query)
