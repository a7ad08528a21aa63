"""What a studio sees of its deliveries, in a real browser."""

import time

import pytest

from tests.player.desk import (
    BLACK,
    CODE,
    FREEZE,
    LOUDNESS,
    NEWCOMER,
    SECRET,
    STUDIO_USER,
    SYNC,
    TO_ENROL,
    WITH_CODE,
    ago,
    check,
    listed,
    span,
    version,
)
from tests.player.house import PASSWORD

pytestmark = pytest.mark.browser
DELIVERIES = "/api/ingest/deliveries"
STILLS = "/api/ingest/deliveries/reel-2/versions/v-reel-2/stills/"


def sign_in(page, *, username=STUDIO_USER, password=PASSWORD, address="/studio.html"):
    page.goto(address)
    page.get_by_label("Email").fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def wait_until(page, condition):
    # Playwright's own `wait_for_function` evaluates a string later on, which the page's policy forbids.
    deadline = time.monotonic() + 10
    while not (condition() if callable(condition) else page.evaluate(condition)):
        assert time.monotonic() < deadline, f"never true: {condition}"
        page.wait_for_timeout(50)


def look_again(page):
    """Let the page look now: it does whenever it comes into sight."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def row(page, delivery_id):
    return page.get_by_role("row").filter(has=page.get_by_text(delivery_id, exact=True))


def in_review(**changes):
    return (
        version(
            "reel-2",
            stage="in_review",
            verdict="review",
            checks=[LOUDNESS, BLACK, SYNC],
            review={"until": ago(hours=-31.5), "escalated": False},
        )
        | changes
    )


def rejected(**changes):
    finding = {
        "code": "QC_FREEZE",
        "subject": "big-buck-bunny.mov",
        "message": "the picture stands still for 14 s",
        "remedy": "Correct it where the film was finished.",
    }
    return version("reel-2", stage="rejected", verdict="fail", checks=[FREEZE], findings=[finding]) | changes


# Sign-in


def test_the_studios_pool_is_asked_and_the_session_is_not_the_viewers(dashboard, desk):
    desk.deliveries = [listed("reel-2")]
    sign_in(dashboard)
    row(dashboard, "reel-2").wait_for()
    assert desk.asked("/cognito/")[0].body["ClientId"] == "s1"
    assert dashboard.evaluate("Object.keys(sessionStorage)") == ["marquee.studio.session"]
    dashboard.get_by_role("button", name="Sign out").click()
    dashboard.get_by_role("heading", name="Sign in").wait_for()
    assert dashboard.evaluate("sessionStorage.length") == 0
    assert dashboard.get_by_text("reel-2").count() == 0


def test_a_wrong_password_is_said_and_nothing_is_stored(dashboard):
    sign_in(dashboard, password="Popcorn-2")
    dashboard.get_by_role("alert").get_by_text("do not match").wait_for()
    assert dashboard.evaluate("sessionStorage.length") == 0
    assert dashboard.locator("#desk").is_hidden()


def test_an_empty_field_is_named_without_asking_the_service(dashboard, desk):
    sign_in(dashboard, password="")
    dashboard.get_by_role("alert").get_by_text("Password is missing").wait_for()
    assert desk.asked("/cognito/") == []


def test_a_first_sign_in_chooses_a_password(dashboard):
    sign_in(dashboard, username=NEWCOMER)
    dashboard.get_by_label("New password").fill("short")
    dashboard.get_by_role("button", name="Save and sign in").click()
    dashboard.get_by_role("alert").get_by_text("too weak").wait_for()
    dashboard.get_by_label("New password").fill("Popcorn-and-more-1")
    dashboard.get_by_role("button", name="Save and sign in").click()
    dashboard.get_by_role("heading", name="Deliveries").wait_for()


def test_a_code_of_an_authenticator_app_is_asked_for(dashboard):
    sign_in(dashboard, username=WITH_CODE)
    dashboard.get_by_label("Code").fill("000000")
    dashboard.locator("#one-time-code button").click()
    dashboard.get_by_role("alert").get_by_text("not the one of this moment").wait_for()
    assert not dashboard.get_by_text("add an account", exact=False).is_visible()
    dashboard.get_by_label("Code").fill("314 159")
    dashboard.locator("#one-time-code button").click()
    dashboard.get_by_role("heading", name="Deliveries").wait_for()


def test_who_has_no_app_yet_is_given_the_key_for_one(dashboard):
    sign_in(dashboard, username=TO_ENROL)
    dashboard.get_by_text(SECRET).wait_for()
    dashboard.get_by_label("Code").fill(CODE)
    dashboard.locator("#one-time-code button").click()
    dashboard.get_by_role("heading", name="Deliveries").wait_for()


def test_a_deep_link_survives_the_sign_in(dashboard, desk):
    desk.versions = {"reel-2": [version("reel-2")]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    dashboard.get_by_role("heading", name="Big Buck Bunny").wait_for()
    assert dashboard.title() == "Big Buck Bunny · Marquee"


# The list


def test_a_delivery_is_listed_with_all_that_is_known_of_it(dashboard, desk):
    desk.deliveries = [listed("reel-2", stage="in_review", verdict="review", delivered_at=ago(minutes=12))]
    sign_in(dashboard)
    row(dashboard, "reel-2").wait_for()
    for text in ("Big Buck Bunny", "In review", "Review", "original", "186 MB", "12 minutes ago"):
        assert row(dashboard, "reel-2").get_by_text(text, exact=True).is_visible(), text


def test_a_manifest_that_could_not_be_read_is_listed_all_the_same(dashboard, desk):
    unknown = dict.fromkeys(("title_id", "title_name", "priority", "size_bytes", "verdict"))
    desk.deliveries = [listed("broken", stage="rejected", **unknown)]
    sign_in(dashboard)
    row(dashboard, "broken").get_by_text("Unreadable manifest").wait_for()


def test_nothing_delivered_says_how_to_begin(dashboard):
    sign_in(dashboard)
    dashboard.get_by_role("heading", name="Nothing is delivered yet").wait_for()


def test_text_with_markup_stays_text(dashboard, desk):
    markup = "<img src=x onerror=alert(1)> & co"
    desk.deliveries = [listed("reel-2", title_name=markup)]
    hostile = rejected(title_name=markup, history=[{"at": ago(hours=1), "event": markup, "message": markup}])
    hostile["findings"][0] |= {"message": markup, "remedy": markup, "subject": markup}
    hostile["checks"] = [check(markup, "fail", 1, markup, markup, markup)]
    desk.versions = {"reel-2": [hostile]}
    sign_in(dashboard)
    row(dashboard, "reel-2").get_by_role("link").click()
    dashboard.get_by_role("heading", name=markup, level=1).wait_for()
    assert dashboard.locator("#desk img").count() == 0


@pytest.mark.parametrize(
    ("label", "choice", "left"),
    [
        ("Stage", "rejected", {"new"}),
        ("Delivered", "in the last 7 days", {"new", "middle"}),
        ("Priority", "licensed", {"middle"}),
        ("Quality", "failed", {"new"}),
    ],
)
def test_filters_leave_what_fits_and_survive_a_reload_and_the_way_back(dashboard, desk, label, choice, left):
    desk.deliveries = [
        listed("new", stage="rejected", verdict="fail"),
        listed("middle", priority="licensed", delivered_at=ago(days=2)),
        listed("old", delivered_at=ago(days=40)),
    ]
    desk.versions = {name: [version(name)] for name in ("new", "middle")}
    sign_in(dashboard)
    row(dashboard, "old").wait_for()
    dashboard.get_by_label(label).select_option(choice)

    def shown():
        return set(dashboard.locator("tr .where").all_text_contents())

    wait_until(dashboard, lambda: shown() == left)
    dashboard.reload()
    wait_until(dashboard, lambda: shown() == left)
    dashboard.get_by_role("row").get_by_role("link").first.click()
    dashboard.get_by_role("link", name="All deliveries", exact=True).click()
    wait_until(dashboard, lambda: shown() == left)
    dashboard.get_by_role("button", name="Clear filters").click()
    wait_until(dashboard, lambda: shown() == {"new", "middle", "old"})


def test_the_way_back_leads_to_the_same_place_of_a_long_list(dashboard, desk):
    desk.page_size = 20
    desk.deliveries = [listed(f"d{n:02}") for n in range(40)]
    desk.versions = {"d35": [version("d35")]}
    sign_in(dashboard)
    dashboard.get_by_role("button", name="Show older deliveries").click()
    row(dashboard, "d35").get_by_role("link").click()
    dashboard.get_by_role("heading", name="History").wait_for()
    assert dashboard.evaluate("window.scrollY") == 0
    dashboard.go_back()
    row(dashboard, "d35").wait_for()
    looks = len(desk.asked(DELIVERIES))
    wait_until(dashboard, lambda: len(desk.asked(DELIVERIES)) >= looks)
    look_again(dashboard)
    assert row(dashboard, "d35").count() == 1
    assert dashboard.evaluate("window.scrollY") > 0


def test_a_filter_that_nothing_fits_can_be_taken_back(dashboard, desk):
    desk.deliveries = [listed("reel-2")]
    sign_in(dashboard)
    dashboard.get_by_label("Quality").select_option("failed")
    dashboard.get_by_role("heading", name="No delivery fits").wait_for()
    dashboard.locator("#rows").get_by_role("button", name="Clear filters").click()
    row(dashboard, "reel-2").wait_for()


def test_a_rare_verdict_is_found_behind_the_first_page(dashboard, desk):
    desk.page_size = 2
    desk.deliveries = [*(listed(f"good-{n}") for n in range(5)), listed("bad", verdict="fail")]
    sign_in(dashboard)
    row(dashboard, "good-0").wait_for()
    dashboard.get_by_label("Quality").select_option("failed")
    row(dashboard, "bad").wait_for()


def test_older_deliveries_are_shown_on_demand_and_stay(dashboard, desk):
    desk.page_size = 10
    desk.deliveries = [listed(f"d{n:02}") for n in range(25)]
    sign_in(dashboard)
    row(dashboard, "d09").wait_for()
    assert row(dashboard, "d10").count() == 0
    dashboard.get_by_role("button", name="Show older deliveries").click()
    row(dashboard, "d19").wait_for()
    dashboard.get_by_role("button", name="Show older deliveries").click()
    row(dashboard, "d24").wait_for()
    assert dashboard.get_by_role("button", name="Show older deliveries").count() == 0


# Looking again


def test_news_come_in_without_taking_the_focus_or_replacing_what_stays(dashboard, desk):
    desk.deliveries = [listed("reel-2", stage="encoding"), listed("reel-1")]
    sign_in(dashboard)
    link = row(dashboard, "reel-2").get_by_role("link")
    link.focus()
    dashboard.evaluate("window.kept = document.activeElement")
    desk.deliveries = [listed("reel-3"), listed("reel-2", stage="packaged")]
    look_again(dashboard)
    row(dashboard, "reel-2").get_by_text("Packaged").wait_for()
    assert dashboard.locator("tr .where").all_text_contents() == ["reel-3", "reel-2"]
    assert dashboard.evaluate("document.activeElement === window.kept")


def test_it_looks_by_itself_and_not_while_nobody_sees_it(dashboard, desk):
    dashboard.clock.install()
    desk.deliveries = [listed("reel-2", stage="encoding")]
    sign_in(dashboard)
    row(dashboard, "reel-2").wait_for()
    desk.deliveries = [listed("reel-2", stage="published")]
    wait_until(
        dashboard, lambda: dashboard.clock.run_for(1000) or row(dashboard, "reel-2").get_by_text("Published").count()
    )
    dashboard.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    look_again(dashboard)
    seen = len(desk.asked(DELIVERIES))
    dashboard.clock.run_for(60_000)
    assert len(desk.asked(DELIVERIES)) == seen
    dashboard.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    look_again(dashboard)
    wait_until(dashboard, lambda: len(desk.asked(DELIVERIES)) > seen)


def test_a_lost_connection_is_said_beside_what_was_known_and_mends_itself(dashboard, desk):
    desk.deliveries = [listed("reel-2")]
    sign_in(dashboard)
    row(dashboard, "reel-2").wait_for()
    desk.broken = True
    look_again(dashboard)
    dashboard.get_by_text("The connection is lost. What you see may be out of date.").wait_for()
    assert row(dashboard, "reel-2").is_visible()
    desk.broken = False
    look_again(dashboard)
    wait_until(dashboard, lambda: dashboard.locator("#connection").text_content() == "")


def test_a_connection_lost_from_the_start_is_said_and_mends_itself(dashboard, desk):
    desk.broken = True
    desk.deliveries = [listed("reel-2")]
    sign_in(dashboard)
    dashboard.get_by_role("alert").get_by_text("The connection is lost").wait_for()
    desk.broken = False
    look_again(dashboard)
    row(dashboard, "reel-2").wait_for()
    assert dashboard.get_by_text("The connection is lost").count() == 0


def test_a_token_that_no_renewal_mends_asks_to_sign_in_again(dashboard, desk):
    desk.deliveries = [listed("reel-2")]
    sign_in(dashboard)
    row(dashboard, "reel-2").wait_for()
    desk.refusal = (401, {"message": "Unauthorized"})
    look_again(dashboard)
    dashboard.get_by_role("alert").get_by_text("Your sign-in has ended").wait_for()


@pytest.mark.parametrize("renewed", [True, False])
def test_a_renewal_on_its_way_does_not_touch_who_signs_in_after_a_sign_out(dashboard, desk, renewed):
    held = []

    def hold(route):
        held.append(route) if "REFRESH_TOKEN_AUTH" in (route.request.post_data or "") else route.continue_()

    desk.deliveries = [listed("reel-2")]
    sign_in(dashboard)
    row(dashboard, "reel-2").wait_for()
    dashboard.route("**/cognito/", hold)
    desk.expire_tokens()
    look_again(dashboard)
    wait_until(dashboard, lambda: held)
    dashboard.get_by_role("button", name="Sign out").click()
    dashboard.get_by_role("heading", name="Sign in").wait_for()
    revoked = {"ClientId": "s1", "Token": "refresh"}
    wait_until(dashboard, lambda: revoked in [request.body for request in desk.asked("/cognito/")])
    dashboard.get_by_label("Email").fill("other@blender.example")
    dashboard.get_by_label("Password", exact=True).fill(PASSWORD)
    dashboard.get_by_role("button", name="Sign in").click()
    row(dashboard, "reel-2").wait_for()
    with dashboard.expect_response("**/cognito/") as answer:
        if renewed:
            held.pop().continue_()
        else:
            held.pop().fulfill(status=400, json={"__type": "NotAuthorizedException"})
    answer.value.finished()
    # Two looks after the answer, the page has long taken it in.
    for _ in range(2):
        looks = len(desk.asked(DELIVERIES))
        look_again(dashboard)
        wait_until(dashboard, lambda looks=looks: len(desk.asked(DELIVERIES)) > looks)
    assert "other@blender.example" in dashboard.evaluate("sessionStorage.getItem('marquee.studio.session') ?? ''")
    assert row(dashboard, "reel-2").is_visible()


def test_a_user_of_no_studio_is_told_so(dashboard, desk):
    desk.refusal = (403, {"title": "Forbidden", "instance": "request-7"})
    sign_in(dashboard)
    alert = dashboard.get_by_role("alert").filter(has_text="This account may not see deliveries")
    alert.get_by_text("API 403 request-7").wait_for()


def test_an_unknown_delivery_is_said_with_a_way_back(dashboard):
    sign_in(dashboard, address="/studio.html#/deliveries/another-studios")
    dashboard.get_by_role("heading", name="There is no such delivery").wait_for()
    dashboard.get_by_role("link", name="All deliveries", exact=True).click()
    dashboard.get_by_role("heading", name="Nothing is delivered yet").wait_for()


# A delivery


def test_a_review_says_who_decides_and_until_when(dashboard, desk):
    desk.versions = {"reel-2": [in_review()]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    notice = dashboard.get_by_role("region", name="A person is looking at this delivery")
    notice.get_by_text("An operator of Marquee decides").wait_for()
    assert notice.get_by_text("in 31 hours").is_visible()
    assert dashboard.locator("[aria-current=step]").text_content() == "In review, now"
    desk.versions = {"reel-2": [in_review(review={"until": ago(hours=-119), "escalated": True})]}
    look_again(dashboard)
    notice.get_by_text("a supervisor of Marquee's operators decides").wait_for()


@pytest.mark.parametrize(
    ("told", "way"),
    [
        (version("d", stage="received", checks=[], history=[]), ["Received, now", "Measured, to come"]),
        (version("d", stage="encoding"), ["Accepted, done", "Encoding, now", "Packaged, to come"]),
        (version("d", stage="published"), ["Packaged, done", "Published, done"]),
        (version("d", stage="rejected", checks=[], history=[]), ["Received, done", "Rejected, the end"]),
        (version("d", stage="rejected", checks=[FREEZE]), ["Measured, done", "Rejected, the end"]),
        (version("d", stage="failed"), ["Measured, done", "Failed, the end"]),
    ],
    ids=["received", "encoding", "published", "rejected unread", "rejected by quality", "failed"],
)
def test_the_progress_shows_what_is_behind_and_what_is_ahead(dashboard, desk, told, way):
    desk.versions = {"d": [told]}
    sign_in(dashboard, address="/studio.html#/deliveries/d")
    steps = dashboard.get_by_role("list", name="Progress").get_by_role("listitem")
    steps.first.wait_for()
    texts = " | ".join(steps.all_text_contents())
    assert " | ".join(way) in texts
    assert "In review" not in texts


def test_a_rejection_shows_every_finding_with_its_remedy(dashboard, desk):
    desk.versions = {"reel-2": [rejected()]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    findings = dashboard.get_by_role("region", name="What to correct")
    for text in ("QC_FREEZE", "big-buck-bunny.mov", "the picture stands still for 14 s"):
        findings.get_by_text(text, exact=True).wait_for()
    findings.get_by_text("Correct it where the film was finished.").wait_for()


def test_checks_are_shown_worst_first_with_what_was_measured_and_what_is_allowed(dashboard, desk):
    desk.versions = {"reel-2": [in_review(checks=[LOUDNESS, BLACK, SYNC, FREEZE])]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    dashboard.locator(".check").first.wait_for()
    assert dashboard.locator(".check h3").all_text_contents() == ["Freeze", "Black", "Loudness", "Lip sync"]
    loudness = dashboard.locator("[data-check=loudness]")
    for text in ("Pass", "-26.87 LKFS", "-27 LKFS ± 2"):
        assert loudness.get_by_text(text, exact=True).is_visible(), text
    assert dashboard.locator("[data-check=av_sync]").get_by_text("there is no sync pattern to measure").is_visible()


def test_how_hard_the_picture_is_to_encode_stands_beside_the_checks(dashboard, desk):
    desk.versions = {"reel-2": [version("reel-2")], "old": [version("old", complexity=None)]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    told = dashboard.get_by_role("region", name="Quality control").locator(".complexity dd")
    told.first.wait_for()
    assert told.all_text_contents() == [
        *("2.59", "41.31, at most 88.2", "9.15, at most 31.6", "2.12 %", "1.42 of 255", "23.46 %"),
        "1920 \N{MULTIPLICATION SIGN} 800",
    ]
    dashboard.goto("/studio.html#/deliveries/old")
    dashboard.locator(".mono").get_by_text("v-old").first.wait_for()
    assert dashboard.locator(".check").count() > 0
    assert dashboard.locator(".complexity").count() == 0


def test_stills_are_fetched_with_the_token_shown_at_their_time_codes_and_fetched_once(dashboard, desk):
    desk.versions = {"reel-2": [in_review()]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    wait_until(
        dashboard, "[...document.querySelectorAll('.still img')].filter((i) => i.naturalWidth === 640).length === 2"
    )
    assert dashboard.locator(".place .timecode").all_text_contents() == ["00:00:02:00", "00:10:11:12"]
    look_again(dashboard)
    looks = len(desk.asked("/api/ingest/deliveries/reel-2"))
    wait_until(dashboard, lambda: len(desk.asked("/api/ingest/deliveries/reel-2")) > looks - 1)
    assert sorted(request.path for request in desk.asked(STILLS)) == [f"{STILLS}black-0", f"{STILLS}black-1"]
    assert {request.authorization for request in desk.asked(STILLS)} == {"Bearer id-0"}


def test_a_still_that_is_gone_leaves_its_time_code(dashboard, desk):
    missing = check("black", "review", 6.0, "s", "at most 4 s", "black", span(2, 8, "gone"), span(9, 15))
    desk.versions = {"reel-2": [in_review(checks=[missing])]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    dashboard.get_by_text("no picture").wait_for()
    assert dashboard.locator(".place .timecode").all_text_contents() == ["00:00:02:00", "00:00:09:00"]


SHOWN = "[...document.querySelectorAll('.still img')].filter((picture) => picture.naturalWidth === 640).length"


def test_another_version_with_findings_at_the_same_frames_shows_its_own_stills(dashboard, desk):
    desk.versions = {"reel-2": [in_review(), in_review(version_id="v-older", delivered_at=ago(days=3))]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    wait_until(dashboard, f"{SHOWN} === 2")
    before = dashboard.evaluate("[...document.querySelectorAll('.still img')].map((picture) => picture.src)")
    dashboard.get_by_role("region", name="Versions").get_by_role("link").filter(has_text="v-older").click()
    older = STILLS.replace("v-reel-2", "v-older")
    wait_until(dashboard, lambda: len(desk.asked(older)) == len(before))
    wait_until(dashboard, f"{SHOWN} === 2")
    after = dashboard.evaluate("[...document.querySelectorAll('.still img')].map((picture) => picture.src)")
    assert not {*before} & {*after}


@pytest.mark.parametrize("trouble", ["refused", "cut off"])
def test_a_still_that_could_not_be_fetched_is_fetched_at_the_next_look(dashboard, desk, trouble):
    failed = []

    def fail(route):
        failed.append(route.request.url)
        if trouble == "refused":
            route.fulfill(status=503, json={"title": "Slow down"})
        else:
            route.abort()

    desk.versions = {"reel-2": [in_review()]}
    dashboard.route(f"**{STILLS}*", fail)
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    wait_until(dashboard, lambda: len({*failed}) == 2)
    look_again(dashboard)
    wait_until(dashboard, lambda: len(failed) >= 4)
    assert dashboard.get_by_text("no picture").count() == 0
    dashboard.unroute(f"**{STILLS}*")
    look_again(dashboard)
    wait_until(dashboard, f"{SHOWN} === 2")


def test_a_still_that_is_gone_is_not_asked_for_again(dashboard, desk):
    missing = check("black", "review", 6.0, "s", "at most 4 s", "black", span(2, 8, "gone"))
    desk.versions = {"reel-2": [in_review(checks=[missing])]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    dashboard.get_by_text("no picture").wait_for()
    desk.versions = {"reel-2": [in_review(checks=[missing, BLACK])]}
    look_again(dashboard)
    wait_until(dashboard, f"{SHOWN} === 2")
    assert [request.path for request in desk.asked(f"{STILLS}gone")] == [f"{STILLS}gone"]


def test_pictures_are_enlarged_turned_and_closed_by_keyboard(dashboard, desk):
    desk.versions = {"reel-2": [in_review()]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    still = dashboard.get_by_role("button", name="Enlarge: Black at 00:00:02:00")
    still.focus()
    dashboard.keyboard.press("Enter")
    dialog = dashboard.get_by_role("dialog")
    dialog.get_by_text("Black at 00:00:02:00, 6 s, 144 frames · 1 of 2").wait_for()
    dashboard.keyboard.press("ArrowRight")
    dialog.get_by_text("Black at 00:10:11:12, 4.5 s, 108 frames · 2 of 2").wait_for()
    dashboard.keyboard.press("ArrowRight")
    assert dialog.get_by_text("2 of 2").is_visible()
    wait_until(dashboard, "document.querySelector('#enlarged-picture').naturalWidth === 640")
    dashboard.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert still.evaluate("(button) => button === document.activeElement")


def test_older_versions_are_linked_and_shown(dashboard, desk):
    older = rejected(version_id="v-older", delivered_at=ago(days=3))
    desk.versions = {"reel-2": [version("reel-2"), older]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    versions = dashboard.get_by_role("region", name="Versions").get_by_role("link")
    assert versions.first.get_attribute("aria-current") == "page"
    versions.filter(has_text="v-older").click()
    dashboard.get_by_role("heading", name="What to correct").wait_for()
    assert versions.filter(has_text="v-older").get_attribute("aria-current") == "page"
    dashboard.go_back()
    dashboard.get_by_role("heading", name="What to correct").wait_for(state="detached")


def test_a_published_delivery_shows_what_viewers_get(dashboard, desk):
    rung = {"rung": "1080p", "width": 1920, "height": 1080, "bitrate_kbps": 4820.4, "vmaf_mean": 95.3123}
    desk.versions = {"reel-2": [version("reel-2", renditions=[rung])]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    row_of_it = dashboard.get_by_role("region", name="Encoded as").get_by_role("row").last
    row_of_it.wait_for()
    assert row_of_it.locator("th, td").all_text_contents() == [
        "1080p",
        "1920 \N{MULTIPLICATION SIGN} 1080",
        "4.82 Mbit/s",
        "95.31",
    ]


def test_the_history_is_told_newest_first(dashboard, desk):
    desk.versions = {"reel-2": [version("reel-2")]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    history = dashboard.get_by_role("region", name="History").get_by_role("listitem")
    history.first.wait_for()
    assert ["Quality" in text for text in history.all_text_contents()] == [True, False]


def test_news_leave_entries_of_one_moment_and_event_in_the_history(dashboard, desk):
    at = ago(hours=3)
    told = [{"at": at, "event": "ReviewRequested", "message": text} for text in ("First.", "Second.")]
    desk.versions = {"reel-2": [version("reel-2", history=told)]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    messages = dashboard.get_by_role("region", name="History").locator("li p")
    messages.first.wait_for()
    told.append({"at": ago(hours=1), "event": "ReviewDecided", "message": "Third."})
    look_again(dashboard)
    messages.get_by_text("Third.").wait_for()
    wait_until(dashboard, lambda: messages.all_text_contents()[0] == "Third.")
    assert messages.all_text_contents() == ["Third.", "Second.", "First."]


@pytest.mark.parametrize("address", ["#/", "#/deliveries/reel-2"])
def test_a_telephone_shows_all_without_scrolling_sideways(dashboard, desk, address):
    dashboard.set_viewport_size({"width": 360, "height": 740})
    desk.deliveries = [listed("reel-2-of-a-very-long-name-that-somebody-chose-without-thinking-of-telephones")]
    desk.versions = {"reel-2": [rejected(), in_review(version_id="v0123456789abcdef")]}
    sign_in(dashboard, address=f"/studio.html{address}")
    dashboard.locator(".deliveries, .columns").wait_for()
    assert dashboard.evaluate("document.documentElement.scrollWidth") <= 360


def test_who_wants_no_motion_gets_none(dashboard, desk):
    dashboard.emulate_media(reduced_motion="reduce")
    desk.versions = {"reel-2": [in_review()]}
    sign_in(dashboard, address="/studio.html#/deliveries/reel-2")
    dashboard.locator(".way").wait_for()
    assert dashboard.evaluate("document.getAnimations().length") == 0
