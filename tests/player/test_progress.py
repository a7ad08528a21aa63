"""How far an encode is, as a studio sees it in a real browser."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.player.desk import listed, version
from tests.player.test_studio import look_again, row, sign_in

pytestmark = pytest.mark.browser
ADDRESS = "/studio.html#/deliveries/reel-2"


def ahead(**time):
    """A moment that lies ahead, as the API writes it."""
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


def counts(total, done, running=0, failed=0):
    return {"total": total, "done": done, "running": running, "failed": failed}


def encoding(**changes):
    return {
        "at": ahead(seconds=-5),
        "finished": False,
        "jobs": counts(35, 13, 8, 1),
        "chunks": counts(24, 12, 8, 1),
        "eta": ahead(minutes=12, seconds=20),
        "usd": 0.01234,
        "queue": {"waiting": 5, "running": 8},
    } | changes


def being_encoded(**changes):
    return version("reel-2", stage="encoding", encoding=encoding(**changes))


@pytest.fixture
def section(dashboard, desk):
    """The section of a delivery that is being encoded."""
    desk.versions = {"reel-2": [being_encoded()]}
    sign_in(dashboard, address=ADDRESS)
    found = dashboard.get_by_role("region", name="Encoding")
    found.wait_for()
    return found


def test_an_encode_is_told_in_words_and_by_a_bar_to_who_sees_it_and_to_who_hears_it(section):
    for text in (
        "12 of 24 chunks are encoded, 8 at work, 1 failed.",
        "in about 12 minutes",
        "13 of 35 done",
        "$0.0123",
        "5 waiting, 8 at work",
    ):
        assert section.get_by_text(text, exact=True).is_visible(), text
    bar = section.get_by_role("progressbar", name="Encoding")
    said = {name: bar.get_attribute(name) for name in ("aria-valuemin", "aria-valuemax", "aria-valuenow")}
    assert said == {"aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "37"}
    assert bar.get_attribute("aria-valuetext") == "12 of 24 chunks are encoded, 8 at work, 1 failed."
    widths = bar.evaluate(
        "(bar) => [...bar.querySelectorAll('rect')].map((part) => [part.getAttribute('class'),"
        " part.getBoundingClientRect().width / bar.getBoundingClientRect().width])"
    )
    assert dict(widths) == {
        "done": pytest.approx(13 / 35, abs=0.01),
        "running": pytest.approx(8 / 35, abs=0.01),
        "failed": pytest.approx(1 / 35, abs=0.01),
    }


def test_it_moves_by_itself_and_is_the_same_bar(dashboard, desk, section):
    dashboard.evaluate("window.known = document.querySelector('[role=progressbar]')")
    desk.versions = {"reel-2": [being_encoded(jobs=counts(35, 28, 3), chunks=counts(24, 24), usd=1.5)]}
    look_again(dashboard)
    section.get_by_text("All 24 chunks are encoded. Of 11 other steps 4 are done, 3 at work.").wait_for()
    assert section.get_by_role("progressbar").get_attribute("aria-valuenow") == "80"
    assert section.get_by_text("$1.50", exact=True).is_visible()
    assert dashboard.evaluate("window.known === document.querySelector('[role=progressbar]')")


def test_what_is_not_known_is_said_and_what_is_late(dashboard, desk, section):
    desk.versions = {"reel-2": [being_encoded(eta=None, usd=None, queue={"waiting": 1000, "running": 8})]}
    look_again(dashboard)
    section.get_by_text("not known yet", exact=True).wait_for()
    assert section.get_by_text("not known", exact=True).is_visible()
    assert section.get_by_text("1,000 or more waiting, 8 at work", exact=True).is_visible()
    # An end that should have come is near.
    desk.versions = {"reel-2": [being_encoded(eta=ahead(minutes=-3))]}
    look_again(dashboard)
    section.get_by_text("in a moment", exact=True).wait_for()


def test_a_failed_encode_shows_how_far_it_came_and_one_that_is_done_needs_no_bar(dashboard, desk, section):
    desk.versions = {"reel-2": [version("reel-2", stage="failed", encoding=encoding(eta=None))]}
    look_again(dashboard)
    section.get_by_text("not foreseen", exact=True).wait_for()
    assert section.get_by_text("waiting").count() == 0
    assert section.get_by_role("progressbar").get_attribute("aria-valuenow") == "37"
    # Operators have repaired it, and it is done: there is no bar any more.
    rung = {"rung": "1080p", "width": 1920, "height": 1080, "bitrate_kbps": 5200, "vmaf_mean": 95.2}
    done = encoding(finished=True, jobs=counts(35, 35), chunks=counts(24, 24), eta=None)
    desk.versions = {"reel-2": [version("reel-2", stage="published", renditions=[rung], encoding=done)]}
    look_again(dashboard)
    dashboard.get_by_text("All 24 chunks are encoded, at a cost of $0.0123.").wait_for()
    assert dashboard.get_by_role("progressbar").count() == 0


def test_the_list_shows_how_far_each_encode_is(dashboard, desk):
    desk.deliveries = [
        listed("reel-2", stage="encoding", encoding=encoding()),
        listed("reel-3", stage="encoding", encoding=None),
        listed("reel-4", stage="published", encoding=encoding(finished=True, chunks=counts(24, 24))),
    ]
    sign_in(dashboard)
    row(dashboard, "reel-2").get_by_text("12 of 24 chunks, ready in about 12 minutes", exact=True).wait_for()
    bars = {name: row(dashboard, name).get_by_role("progressbar") for name in ("reel-2", "reel-3", "reel-4")}
    assert {name: bar.count() for name, bar in bars.items()} == {"reel-2": 1, "reel-3": 0, "reel-4": 0}
    assert bars["reel-2"].get_attribute("aria-valuenow") == "37"
    desk.deliveries = [listed("reel-2", stage="encoding", encoding=encoding(chunks=counts(24, 24), eta=None))]
    look_again(dashboard)
    row(dashboard, "reel-2").get_by_text("all chunks encoded", exact=True).wait_for()
