"""How a title's ladder was found, and why the quality gate has rejected one, as a studio sees it in a real browser."""

from math import log

import pytest

from tests.lambdas import samples
from tests.player.desk import BLACK, version
from tests.player.test_studio import look_again, sign_in, wait_until

pytestmark = pytest.mark.browser
ADDRESS = "/studio.html#/deliveries/reel-2"
STILLS = "/api/ingest/deliveries/reel-2/versions/v-reel-2/stills/"
MEASURED = {"rung": "1080p", "codec": "h264", "width": 1920, "height": 1080, "bitrate_kbps": 4301.2, "vmaf_mean": 95.9}
NEWER = ("av1-1080p", "av1-1080p-hdr10")
"""Of which the second was not searched for: its VMAF is another scale's."""
REJECTION = {
    "rung": "1080p",
    "vmaf_mean": 92.871,
    "vmaf_p5": 80.25,
    "floor_mean": 95.0,
    "floor_p5": 85.0,
    "raised": 4,
    "worst_timecode": "00:00:03:05",
    "worst_vmaf": 61.5,
    "stills": ["worst-source", "worst-rendition"],
    "others": [],
}


def published(*, renditions=(MEASURED,), **changes):
    ladder = samples.ladder_report(**changes).model_dump(mode="json")
    return version("reel-2", renditions=list(renditions), ladder=ladder)


@pytest.fixture
def section(dashboard, desk):
    """The section of the ladder of a published title."""
    desk.versions = {"reel-2": [published()]}
    sign_in(dashboard, address=ADDRESS)
    found = dashboard.get_by_role("region", name="The ladder of this title")
    found.wait_for()
    return found


def marks(section, kind):
    """The middle of each mark of a kind, in pixels, by what the pointer is told of it."""
    found = section.locator(f".plot .{kind}.mark").evaluate_all(
        "(marks) => marks.map((mark) => { const box = mark.getBoundingClientRect();"
        " return [mark.textContent, box.x + box.width / 2, box.y + box.height / 2]; })"
    )
    return {title: (x, y) for title, x, y in found}


def test_everything_that_was_tried_chosen_compared_and_measured_is_in_the_picture(section):
    probes, rungs = marks(section, "probe"), marks(section, "rung")
    assert len(probes) == len(samples.PROBES)
    assert "720p, CRF 28: 1.27 Mbit/s, VMAF 87.0" in probes
    assert [title.split(",")[0] for title in rungs] == ["1080p", "720p", "720p-2", "480p"]
    assert set(marks(section, "film")) == {"1080p, in the film: 4.30 Mbit/s, VMAF 95.9"}
    assert [title.split(":")[0] for title in marks(section, "fixed")] == [
        f"fixed ladder, {rung}" for rung in ("1080p", "720p", "480p", "360p")
    ]
    # What was chosen is one of what was tried, and lies where that does.
    tried = probes["1080p, CRF 24: 4.12 Mbit/s, VMAF 95.6"]
    assert rungs["1080p, chosen, CRF 24: 4.12 Mbit/s, VMAF 95.6"] == pytest.approx(tried, abs=1)


def test_rates_are_drawn_by_their_logarithm_better_pictures_higher_and_the_hull_through_its_probes(section):
    places = {title.split(": ")[1]: place for title, place in marks(section, "probe").items()}
    least, middle, most = (
        places[rate] for rate in ("0.30 Mbit/s, VMAF 63.9", "1.27 Mbit/s, VMAF 87.0", "6.90 Mbit/s, VMAF 97.6")
    )
    assert (middle[0] - least[0]) / (most[0] - least[0]) == pytest.approx(log(1270 / 300) / log(6900 / 300), abs=0.005)
    assert (middle[1] - most[1]) / (least[1] - most[1]) == pytest.approx((97.6 - 87.0) / (97.6 - 63.9), abs=0.01)
    lines = section.locator(".plot line.hull").evaluate_all(
        "(lines) => lines.map((line) => { const box = line.getBoundingClientRect(); return [box.left, box.right]; })"
    )
    x = {title.split(" ")[0]: place[0] for title, place in places.items()}
    corners = [x[f"{kbps / 1000:.2f}"] for kbps in (300, 400.5, 620, 1270, 2060, 4120, 6900)]
    assert [left for left, _ in lines] == pytest.approx(corners[:-1], abs=1.5)
    assert [right for _, right in lines] == pytest.approx(corners[1:], abs=1.5)


def test_who_does_not_see_the_picture_hears_what_it_is_and_reads_its_figures_and_their_formulas(section):
    picture = section.get_by_role("img", name="VMAF by bit rate in H.264: 13 probes in 4 sizes, their hull, 4 chosen")
    assert picture.is_visible()
    chosen = section.get_by_role("table", name="H.264, chosen for this title").get_by_role("row")
    assert chosen.nth(3).locator("th, td").all_text_contents() == ["720p-2", "1280 × 720", "28", "1.27", "87.0"]  # noqa: RUF001
    fixed = section.get_by_role("table", name="H.264, the fixed ladder").get_by_role("row")
    assert fixed.nth(3).locator("th, td").all_text_contents() == ["480p", "1.39", "84.8", "1.07", "23.2 %"]
    said = " ".join(section.text_content().split())
    for part in (
        "19.0 % savedthe mean of the column, each 100 × (1 − hull ÷ fixed)",  # noqa: RUF001
        "29.8 % saved100 × (1 − 4.12 ÷ 5.87), the best rung here over the best fixed one",  # noqa: RUF001
        "6 excerpts of the film, 72 frames together",
        "encoded 936 frames, 10.5 % of the 8,928 that every size at every quality has",
        "the fixed ladder, to compare with, 288.",
    ):
        assert part in said, part
    assert "misses" not in said


def test_a_title_that_needs_more_than_the_fixed_ladder_is_told_as_such(dashboard, desk, section):
    savings = {"equal_vmaf_pct": None, "equal_vmaf": (), "at_target_pct": -12.34, "fixed_misses_target": True}
    desk.versions = {"reel-2": [published(ladders=(samples.codec_ladder(savings=savings),))]}
    look_again(dashboard)
    section.get_by_text("12.3 % more bits", exact=True).wait_for()
    assert section.get_by_text("The fixed ladder misses VMAF 95 with this title: more bits are right.").is_visible()
    assert section.get_by_text("no fixed rung’s quality lies on the hull").is_visible()  # noqa: RUF001
    assert section.get_by_text("not on it", exact=True).count() == 4


def test_no_word_stands_on_another_where_sizes_end_near_one_rate(dashboard, desk):
    ends = [(1080, 400.0, 70.0), (720, 402.0, 71.0), (480, 398.0, 70.5), (360, 401.0, 69.5)]
    low = [samples.PROBES[0].model_copy(update={"height": h, "kbps": rate, "vmaf": vmaf}) for h, rate, vmaf in ends]
    desk.versions = {"reel-2": [published(ladders=(samples.codec_ladder(probes=(*samples.PROBES, *low)),))]}
    sign_in(dashboard, address=ADDRESS)
    dashboard.get_by_role("region", name="The ladder of this title").wait_for()
    boxes = dashboard.locator(".plot text").evaluate_all(
        "(words) => words.map((word) => { const { left, right, top, bottom } = word.getBoundingClientRect();"
        " return [left, right, top, bottom]; })"
    )
    overlapping = [
        (one, other)
        for number, one in enumerate(boxes)
        for other in boxes[:number]
        if one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
    ]
    assert overlapping == []


def test_the_key_says_which_size_has_which_colour(section):
    colour = "(mark) => getComputedStyle(mark).fill"
    for size in ("1080p", "720p", "480p", "360p"):
        named = section.locator(".key li").filter(has_text=size).locator(".mark").evaluate(colour)
        drawn = section.locator(".plot .probe.mark").filter(has_text=f"{size}, CRF").first.evaluate(colour)
        assert named == drawn


def test_hdr10_rungs_have_a_table_that_says_how_they_were_judged(dashboard, desk):
    rung = samples.codec_ladder().rungs[0].model_copy(update={"rung": "h265-1080p-hdr10", "crf": 18.5, "vmaf": 95.6})
    desk.versions = {"reel-2": [published(ladders=(samples.codec_ladder(codec="h265", hdr10=(rung,)),))]}
    sign_in(dashboard, address=ADDRESS)
    told = dashboard.get_by_role("table", name="H.265 in HDR10, VMAF as SDR shows it").get_by_role("row").nth(1)
    told.wait_for()
    cells = ["h265-1080p-hdr10", "1920 × 1080", "18.5", "4.12", "95.6"]  # noqa: RUF001
    assert told.locator("th, td").all_text_contents() == cells


def test_every_codec_has_its_own_picture_with_the_renditions_of_its_own_rungs(dashboard, desk):
    one = samples.codec_ladder()
    newer = [rung.model_copy(update={"rung": f"av1-{rung.rung}"}) for rung in one.rungs]
    both = (one, samples.codec_ladder(codec="av1", rungs=newer))
    film = [MEASURED, *(MEASURED | {"rung": rung, "codec": "av1", "bitrate_kbps": 2900} for rung in NEWER)]
    desk.versions = {"reel-2": [published(ladders=both, renditions=film)]}
    sign_in(dashboard, address=ADDRESS)
    av1 = dashboard.locator("[data-codec=av1]")
    av1.get_by_role("heading", name="AV1").wait_for()
    assert set(marks(av1, "film")) == {"av1-1080p, in the film: 2.90 Mbit/s, VMAF 95.9"}
    assert set(marks(dashboard.locator("[data-codec=h264]"), "film")) == {"1080p, in the film: 4.30 Mbit/s, VMAF 95.9"}


def test_the_picture_stays_the_same_when_nothing_has_changed(dashboard, desk, section):
    dashboard.evaluate("window.known = [...document.querySelectorAll('.plot *')]")
    looks = len(desk.asked("/api/ingest/deliveries/reel-2"))
    look_again(dashboard)
    wait_until(dashboard, lambda: len(desk.asked("/api/ingest/deliveries/reel-2")) > looks)
    desk.versions["reel-2"][0]["title_name"] = "Shown anew"
    look_again(dashboard)
    dashboard.get_by_role("heading", name="Shown anew").wait_for()
    assert dashboard.evaluate("window.known.every((part) => part.isConnected)")


def test_a_telephone_shows_it_all_without_scrolling_sideways(dashboard, section):
    dashboard.set_viewport_size({"width": 360, "height": 740})
    assert dashboard.evaluate("document.documentElement.scrollWidth") <= 360
    edges = section.locator(".plot .mark, .plot text").evaluate_all(
        "(marks) => marks.map((mark) => mark.getBoundingClientRect()).map(({left, right}) => [left, right])"
    )
    assert min(left for left, _ in edges) >= 0
    assert max(right for _, right in edges) <= 360


def test_a_version_whose_ladder_was_not_searched_has_no_such_section(dashboard, desk):
    desk.versions = {"reel-2": [version("reel-2", renditions=[MEASURED])]}
    sign_in(dashboard, address=ADDRESS)
    dashboard.get_by_role("region", name="Encoded as").wait_for()
    assert dashboard.get_by_role("region", name="The ladder of this title").count() == 0


# The quality gate


def test_a_rejected_rung_is_told_with_its_scores_its_floor_and_its_worst_frame(dashboard, desk):
    lower = REJECTION | {"rung": "720p", "floor_p5": 0.0, "raised": 0, "stills": ["worst-source", "gone"]}
    desk.versions = {"reel-2": [version("reel-2", stage="failed", checks=[BLACK], rejections=[REJECTION, lower])]}
    sign_in(dashboard, address=ADDRESS)
    gate = dashboard.get_by_role("region", name="Not good enough to be shown")
    best, other = gate.locator("[data-rung='1080p']"), gate.locator("[data-rung='720p']")
    best.wait_for()
    said = best.text_content()
    for part in ("92.87 needs 95", "80.25 needs 85", "61.5 at 00:00:03:05", "again with more bits, 4 times"):
        assert part in said, part
    assert "80.25 needs" not in other.text_content()
    assert "again" not in other.text_content()
    other.locator("[data-still]").last.scroll_into_view_if_needed()
    other.get_by_text("no picture").wait_for()
    shown = "[...document.querySelectorAll(\"[data-rung='1080p'] img\")].filter((i) => i.naturalWidth === 640).length"
    wait_until(dashboard, f"{shown} === 2")
    assert {request.authorization for request in desk.asked(STILLS)} == {"Bearer id-0"}


def test_the_worst_frame_is_enlarged_and_turned_from_what_was_delivered_to_what_was_encoded(dashboard, desk):
    desk.versions = {"reel-2": [version("reel-2", stage="failed", checks=[BLACK], rejections=[REJECTION])]}
    sign_in(dashboard, address=ADDRESS)
    dashboard.get_by_role("button", name="Enlarge: Worst frame of 1080p at 00:00:03:05, as it was delivered").click()
    dialog = dashboard.get_by_role("dialog")
    dialog.get_by_text("Worst frame of 1080p at 00:00:03:05, as it was delivered · 1 of 4").wait_for()
    dashboard.keyboard.press("ArrowRight")
    dialog.get_by_text("as it was encoded · 2 of 4").wait_for()
    dashboard.keyboard.press("ArrowRight")
    dialog.get_by_text("Black at 00:00:02:00, 6 s, 144 frames · 3 of 4").wait_for()


def test_the_worst_frames_of_other_chunks_are_beside_it(dashboard, desk):
    others = [{"timecode": "00:01:07:00", "vmaf": 70.25, "stills": ["worst-source", "worst-rendition"]}]
    rejected = REJECTION | {"stills": ["still-0", "still-1"], "others": others}
    desk.versions = {"reel-2": [version("reel-2", stage="failed", rejections=[rejected])]}
    sign_in(dashboard, address=ADDRESS)
    gate = dashboard.get_by_role("region", name="Not good enough to be shown")
    gate.get_by_text("As it was encoded at 00:01:07:00: 70.25").wait_for()
    assert gate.locator("[data-rung='1080p'] [data-still]").count() == 4
    gate.get_by_role("button", name="Enlarge: Poor frame of 1080p at 00:01:07:00, as it was delivered").click()
    dashboard.get_by_role("dialog").get_by_text("3 of 4").wait_for()
