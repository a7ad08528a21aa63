import time

import pytest

from tests.player.film import THUMBNAIL
from tests.player.house import EDGE_TOKEN, NEWCOMER, PASSWORD, TITLE, USERNAME

pytestmark = pytest.mark.browser


def sign_in(page, *, username=USERNAME, password=PASSWORD, address="/"):
    page.goto(address)
    page.get_by_label("Email or user name").fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def positions(house):
    return [request.body["position_s"] for request in house.asked("/api/playback/progress") if request.body]


def wait_until(page, condition):
    # Playwright's own `wait_for_function` evaluates a string later on, which the page's policy forbids.
    deadline = time.monotonic() + 10
    while not (condition() if callable(condition) else page.evaluate(condition)):
        assert time.monotonic() < deadline, f"never true: {condition}"
        page.wait_for_timeout(50)


def wait_for_position(page, seconds):
    wait_until(page, f"document.querySelector('video').currentTime >= {seconds}")


def test_a_page_without_its_configuration_says_so(page, house):
    house.configured = False
    page.goto("/")
    page.get_by_text("Marquee is not open yet").wait_for()


def test_a_wrong_password_is_said_and_nothing_is_stored(page):
    sign_in(page, password="Popcorn-2")
    page.get_by_role("alert").get_by_text("do not match").wait_for()
    assert page.evaluate("sessionStorage.length") == 0
    assert page.locator("#catalog").is_hidden()


def test_an_empty_field_is_named_without_asking_the_service(page, house):
    sign_in(page, password="")
    page.get_by_role("alert").get_by_text("Password is missing").wait_for()
    assert house.asked("/cognito/") == []


def test_a_first_sign_in_chooses_a_password(page):
    sign_in(page, username=NEWCOMER)
    page.get_by_label("New password").fill("short")
    page.get_by_role("button", name="Save and sign in").click()
    page.get_by_role("alert").get_by_text("too weak").wait_for()
    page.get_by_label("New password").fill("Popcorn-and-more-1")
    page.get_by_role("button", name="Save and sign in").click()
    page.get_by_role("heading", name=TITLE["name"]).wait_for()


def test_the_catalog_shows_title_poster_and_credit(page):
    sign_in(page)
    card = page.get_by_role("list").get_by_role("listitem")
    card.get_by_text(TITLE["name"], exact=True).wait_for()
    assert card.get_by_text(TITLE["credit"]).is_visible()
    wait_until(page, "document.querySelector('.card img').naturalWidth === 320")


def test_a_name_with_markup_stays_text(page, house):
    house.titles = [TITLE | {"name": "<img src=x onerror=alert(1)> & co"}]
    sign_in(page)
    page.get_by_role("heading", name="<img src=x onerror=alert(1)> & co").wait_for()


def test_an_empty_catalog_says_so(page, house):
    house.titles = []
    sign_in(page)
    page.get_by_text("Nothing is showing yet").wait_for()


def test_signing_out_forgets_the_viewer(page):
    sign_in(page)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


def test_signing_out_while_a_renewal_is_on_its_way_stays_signed_out_and_revokes_the_sign_in(page, house):
    held = []

    def hold(route):
        held.append(route) if "REFRESH_TOKEN_AUTH" in (route.request.post_data or "") else route.continue_()

    sign_in(page)
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    page.route("**/cognito/", hold)
    house.expire_tokens()
    page.reload()
    wait_until(page, lambda: held)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    wait_until(page, lambda: {"ClientId": "c1", "Token": "refresh"} in [seen.body for seen in house.asked("/cognito/")])
    with page.expect_response("**/cognito/") as answer:
        held.pop().continue_()
    answer.value.finished()
    page.reload()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


def test_an_ended_token_is_renewed_and_the_request_repeated(page, house):
    sign_in(page)
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    house.expire_tokens()
    page.get_by_role("listitem").get_by_role("link").click()
    wait_for_position(page, 0.2)
    assert [request.authorization for request in house.asked("/api/playback/sessions")][:2] == [
        "Bearer id-0",
        "Bearer id-1",
    ]


def test_a_sign_in_that_cannot_be_renewed_asks_again_and_says_why(page, house):
    sign_in(page, username=NEWCOMER)  # its sign-in comes without a refresh token
    page.get_by_label("New password").fill("Popcorn-and-more-1")
    page.get_by_role("button", name="Save and sign in").click()
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    house.expire_tokens()
    page.get_by_role("listitem").get_by_role("link").click()
    page.get_by_role("alert").get_by_text("Your sign-in has ended").wait_for()


def test_a_deep_link_survives_the_sign_in_and_resumes(page, house):
    house.resume_position_s = 5.0
    sign_in(page, address=f"/?title={TITLE['title_id']}")
    wait_for_position(page, 5.1)
    assert page.evaluate("document.querySelector('video').played.start(0)") == pytest.approx(5.0, abs=0.1)
    assert page.get_by_text(TITLE["credit"]).is_visible()
    assert page.title() == "The Gradient · Marquee"


def test_an_unknown_title_is_said(page):
    sign_in(page, address="/?title=no-such-film")
    page.get_by_text("This film is not showing").wait_for()


def test_a_refused_licence_shows_its_code_and_can_be_tried_again(page, house):
    house.license_refused = True
    sign_in(page, address=f"/?title={TITLE['title_id']}")
    panel = page.get_by_role("alertdialog")
    panel.get_by_text("LICENSE 403").wait_for()
    assert page.evaluate("document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames") == 0
    house.license_refused = False
    panel.get_by_role("button", name="Try again").click()
    wait_for_position(page, 0.2)
    assert panel.is_hidden()


def test_a_refused_session_shows_the_request_id(page, house):
    house.titles = [TITLE | {"title_id": "withdrawn"}]
    sign_in(page, address="/?title=withdrawn")
    page.get_by_role("alertdialog").get_by_text("API 404 request-1").wait_for()


def test_progress_is_reported_at_the_interval(page, house):
    house.progress_interval_s = 1
    sign_in(page, address=f"/?title={TITLE['title_id']}")
    wait_until(page, lambda: len(positions(house)) >= 2)
    assert positions(house) == sorted(set(positions(house)))


def test_progress_is_reported_when_the_viewer_pauses_seeks_and_leaves(page, house):
    sign_in(page, address=f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.6)
    page.evaluate("document.querySelector('video').pause()")
    paused_at = page.evaluate("document.querySelector('video').currentTime")
    wait_until(page, lambda: len(positions(house)) == 1)
    page.evaluate("document.querySelector('video').currentTime = 6")
    wait_until(page, lambda: len(positions(house)) == 2)
    # This seek has no time to settle: it is the leaving that reports.
    page.evaluate("document.querySelector('video').currentTime = 3; document.querySelector('#home').click()")
    wait_until(page, lambda: len(positions(house)) == 3)
    assert positions(house) == [pytest.approx(paused_at, abs=0.01), 6, 3]


def test_progress_is_reported_when_the_page_goes_away(page, house):
    sign_in(page, address=f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.6)
    page.goto("about:blank")
    wait_until(page, lambda: len(positions(house)) == 1)


def hover(page, share):
    """Point at a place of the seek bar, and return the preview's picture."""
    bar = page.locator(".shaka-seek-bar-container").bounding_box()
    page.mouse.move(bar["x"] + bar["width"] * share, bar["y"] - 60)
    page.mouse.move(bar["x"] + bar["width"] * share, bar["y"] + bar["height"] / 2)
    return page.locator(".shaka-player-ui-thumbnail-image")


def shown(page):
    """What is seen of the sprite sheet: where its picture begins and how wide it is, in the sheet's own pixels."""
    return page.evaluate(
        """() => {
          const image = document.querySelector(".shaka-player-ui-thumbnail-image");
          const frame = image.parentElement;
          const sheet = image.getBoundingClientRect(), seen = frame.getBoundingClientRect();
          const pixels = (length) => Math.round(length * image.naturalWidth / sheet.width);
          return {
            src: image.src,
            loaded: image.naturalWidth,
            visible: image.checkVisibility({ visibilityProperty: true }),
            place: [pixels(seen.left + frame.clientLeft - sheet.left), pixels(seen.top + frame.clientTop - sheet.top)],
            width: pixels(frame.clientWidth),
          };
        }"""
    )


def test_pointing_at_the_seek_bar_shows_the_film_at_that_time(page, house, tmp_path):
    sign_in(page, address=f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.2)
    wait_until(page, lambda: len(house.asked(house.thumbnails)) == 1)
    for share, column, row in ((0.02, 0, 0), (0.38, 3, 0), (0.88, 3, 1)):
        hover(page, share)
        wait_until(page, lambda: shown(page)["loaded"] == 4 * THUMBNAIL)
        wait_until(page, lambda place=[column * THUMBNAIL, row * 90]: shown(page)["place"] == place)
        seen = shown(page)
        assert seen["visible"]
        assert seen["width"] == THUMBNAIL
        assert seen["src"].endswith("/thumbnails/sprite-0000.jpg")
    page.screenshot(path=tmp_path / "preview.png")
    assert {request.authorization for request in house.asked("/media/")} == {None}


@pytest.mark.parametrize("thumbnails", [None, f"/media/{EDGE_TOKEN}/the-gradient/v1/thumbnails/none.vtt"])
def test_a_film_without_thumbnails_plays_all_the_same(page, house, thumbnails):
    house.thumbnails = thumbnails
    sign_in(page, address=f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.6)
    hover(page, 0.5)
    assert not shown(page)["visible"]
    assert page.get_by_role("alertdialog").is_hidden()


def test_the_bearer_goes_to_the_api_and_never_to_the_edge(page, house):
    sign_in(page, address=f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.5)
    assert {request.authorization for request in house.asked("/media/")} == {None}
    for path in ("/api/playback/sessions/s1/manifest", "/api/playback/license"):
        assert {request.authorization for request in house.asked(path)} == {"Bearer id-0"}


def sessions(house, *, method):
    """The paths of requests of a method below the sessions."""
    return [request.path for request in house.asked("/api/playback/sessions") if request.method == method]


def test_the_page_says_what_it_plays_and_is_the_same_device_at_every_visit(page, house):
    for _ in range(2):
        sign_in(page, address=f"/?title={TITLE['title_id']}")
        wait_for_position(page, 0.2)
        page.evaluate("sessionStorage.clear()")
    devices = [request.body["device"] for request in house.asked("/api/playback/sessions") if request.body]
    assert devices[0] == devices[-1]
    assert "h264" in devices[0]["codecs"]
    assert (devices[0]["max_height"], devices[0]["robustness"]) == (800, "software")
    assert devices[0]["id"]


def test_a_session_is_kept_alive_and_ended_when_the_viewer_leaves(page, house):
    house.heartbeat_interval_s = 0.2
    sign_in(page, address=f"/?title={TITLE['title_id']}")
    wait_until(page, lambda: len(house.asked("/api/playback/sessions/s1/heartbeat")) >= 2)
    assert sessions(house, method="DELETE") == []
    page.goto("about:blank")
    wait_until(page, lambda: sessions(house, method="DELETE") == ["/api/playback/sessions/s1"])
    beats = len(house.asked("/api/playback/sessions/s1/heartbeat"))
    page.wait_for_timeout(500)
    assert len(house.asked("/api/playback/sessions/s1/heartbeat")) == beats


def test_a_session_that_another_screen_has_taken_over_stops(page, house):
    house.heartbeat_interval_s = 0.2
    sign_in(page, address=f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.2)
    house.ended = True
    page.get_by_role("alertdialog").get_by_text("API 410").wait_for()
    assert page.evaluate("document.querySelector('video').paused")


def test_who_is_refused_a_seat_is_told_who_sits(page, house):
    house.playing = [
        {"device": "<b>Kitchen</b>", "title_id": "t", "since": 1_795_000_000, "held_until": 1_795_000_075},
        {"device": None, "title_id": "t", "since": 1_795_000_000, "held_until": 1_795_000_075},
    ]
    sign_in(page, address=f"/?title={TITLE['title_id']}")
    panel = page.get_by_role("alertdialog")
    panel.get_by_text("Your plan has 2 screens at the same time").wait_for()
    assert [line.split(", since ")[0] for line in panel.get_by_role("listitem").all_inner_texts()] == [
        "<b>Kitchen</b>",
        "A device",
    ]
    house.playing = []
    panel.get_by_role("button", name="Try again").click()
    wait_for_position(page, 0.2)


def test_what_was_begun_stands_above_the_films_and_goes_on_at_a_click(page, house):
    house.begun = [
        {"title_id": TITLE["title_id"], "position_s": 5.0, "duration_s": 8.0, "recorded_at_ms": 2},
        {"title_id": "gone", "position_s": 1.0, "duration_s": 8.0, "recorded_at_ms": 1},
    ]
    house.resume_position_s = 5.0
    sign_in(page)
    row = page.get_by_role("list", name="Continue watching").get_by_role("listitem")
    row.get_by_text("3 s left").wait_for()
    assert row.count() == 1
    assert row.get_by_role("progressbar").evaluate("(bar) => bar.position") == pytest.approx(5 / 8)
    row.get_by_role("link").click()
    wait_for_position(page, 5.1)
