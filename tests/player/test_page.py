import time
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.player.film import THUMBNAIL
from tests.player.house import DEVICE_CODE, EDGE_TOKEN, EPISODES, PASSWORD, REVOKED, TITLE, USERNAME

pytestmark = pytest.mark.browser


def sign_in(page, *, username=USERNAME, password=PASSWORD, address="/"):
    page.goto(address)
    page.get_by_role("button", name="Sign in").click()
    fill_in(page, username=username, password=password)


def fill_in(page, *, username=USERNAME, password=PASSWORD):
    page.get_by_label("Name").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Go").click()
    page.locator("#main").wait_for(state="attached")


def enter(page, house, address="/"):
    """Come as somebody who has signed in: for what is not about that."""
    page.goto("/icon.svg")
    page.evaluate("session => sessionStorage.setItem('marquee.session', session)", house.kept)
    page.goto(address)


def asked_for(page):
    """What the managed login is asked for."""
    return dict(parse_qsl(urlsplit(page.url).query))


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


def test_a_sign_in_asks_for_a_code_and_takes_it_out_of_the_address(page, house):
    page.goto("/?title=no-such-film")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Name").wait_for()
    asked = asked_for(page)
    assert asked["redirect_uri"] == house.url
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", "c1", "openid email")
    assert asked["code_challenge_method"] == "S256"
    fill_in(page)
    page.get_by_text("This film is not showing").wait_for()
    assert page.url == f"{house.url}?title=no-such-film"
    assert page.get_by_text(USERNAME).is_visible()
    [exchange] = house.asked("/oauth2/token")
    assert exchange.body["grant_type"] == "authorization_code"
    # Each of them fits one attempt: none is another's, and the verifier has not been seen before.
    values = [asked[name] for name in ("state", "nonce", "code_challenge")] + [exchange.body["code_verifier"]]
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 43
    assert sorted(page.evaluate("Object.keys(sessionStorage)")) == ["marquee.profile", "marquee.session"]


def test_two_sign_ins_have_nothing_in_common(page):
    page.goto("/")
    attempts = []
    for _ in range(2):
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Name").wait_for()
        attempts.append(asked_for(page))
        page.go_back()
    for name in ("state", "nonce", "code_challenge"):
        assert attempts[0][name] != attempts[1][name]


@pytest.mark.parametrize("answer", ["code=stolen&state=forged", "error=access_denied&state=forged"])
def test_an_answer_to_another_attempt_is_not_taken(page, house, answer):
    page.goto("/")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Name").wait_for()
    page.goto(f"/?{answer}")
    page.get_by_role("alert").get_by_text("That sign-in was not begun here").wait_for()
    assert house.asked("/oauth2/token") == []
    assert page.url == house.url
    assert page.evaluate("sessionStorage.length") == 0


def test_a_refused_sign_in_is_said(page, house):
    page.goto("/")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Name").wait_for()
    page.goto(f"/?error=access_denied&state={asked_for(page)['state']}")
    page.get_by_role("alert").get_by_text("The sign-in was not completed").wait_for()
    assert house.asked("/oauth2/token") == []


def test_an_id_token_of_another_sign_in_is_not_taken(page, house):
    house.nonce = "another"
    sign_in(page)
    page.get_by_role("alert").get_by_text("That sign-in was another one's").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_code_that_is_not_exchanged_is_said(page, house):
    page.route("**/oauth2/token", lambda route: route.abort())
    sign_in(page)
    page.get_by_role("alert").get_by_text("cannot be reached").wait_for()
    assert page.url == house.url


def test_the_catalog_shows_title_poster_and_credit(page, house):
    enter(page, house)
    card = page.get_by_role("list").get_by_role("listitem")
    card.get_by_text(TITLE["name"], exact=True).wait_for()
    assert card.get_by_text(TITLE["credit"]).is_visible()
    wait_until(page, "document.querySelector('.card img').naturalWidth === 320")


def test_a_name_with_markup_stays_text(page, house):
    house.titles = [TITLE | {"name": "<img src=x onerror=alert(1)> & co"}]
    enter(page, house)
    page.get_by_role("heading", name="<img src=x onerror=alert(1)> & co").wait_for()


def test_an_empty_catalog_says_so(page, house):
    house.titles = []
    enter(page, house)
    page.get_by_text("Nothing is showing yet").wait_for()


def test_signing_out_forgets_the_viewer_here_and_there(page, house):
    sign_in(page)
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    with page.expect_request("**/logout?*") as left:
        page.get_by_role("button", name="Sign out").click()
    assert left.value.url.endswith("?" + urlencode({"client_id": "c1", "logout_uri": house.url}))
    page.get_by_role("heading", name="Sign in").wait_for()
    wait_until(page, lambda: house.asked("/oauth2/revoke"))
    assert house.asked("/oauth2/revoke")[0].body == {"client_id": "c1", "token": "refresh-1"}
    assert page.url == house.url
    assert page.evaluate("sessionStorage.length") == 0
    page.go_back()
    page.get_by_role("button", name="Sign in").wait_for()


def test_an_ended_token_is_renewed_and_the_request_repeated(page, house):
    enter(page, house)
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    house.expire_tokens()
    page.get_by_role("listitem").get_by_role("link").click()
    wait_for_position(page, 0.2)
    bearers = [request.authorization.split(".")[0] for request in house.asked("/api/playback/sessions")]
    assert bearers[:2] == ["Bearer id-0", "Bearer id-1"]


def test_each_renewal_is_asked_for_with_the_refresh_token_of_the_one_before(page, house):
    sign_in(page)
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    for _ in range(2):
        house.expire_tokens()
        page.reload()
        page.get_by_role("heading", name=TITLE["name"]).wait_for()
    renewals = [seen.body for seen in house.asked("/oauth2/token") if seen.body["grant_type"] == "refresh_token"]
    assert [renewal["refresh_token"] for renewal in renewals] == ["refresh-1", "refresh-2"]


def test_a_viewer_who_is_signed_out_everywhere_is_asked_for_the_password_and_told_why(page, house):
    enter(page, house)
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    house.signed_out_everywhere = True
    house.expire_tokens()
    page.get_by_role("listitem").get_by_role("link").click()
    page.get_by_role("alert").get_by_text("Your sign-in has ended").wait_for()
    assert page.evaluate("sessionStorage.length") == 0
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Name").wait_for()
    # The managed login may still know this browser: it is to ask all the same.
    assert asked_for(page)["prompt"] == "login"
    fill_in(page)
    wait_for_position(page, 0.2)


def test_a_deep_link_survives_the_sign_in_and_resumes(page, house):
    house.resume_position_s = 5.0
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 5.1)
    assert page.evaluate("document.querySelector('video').played.start(0)") == pytest.approx(5.0, abs=0.1)
    assert page.get_by_text(TITLE["credit"]).is_visible()
    assert page.title() == "The Gradient · Marquee"


def test_an_unknown_title_is_said(page, house):
    enter(page, house, "/?title=no-such-film")
    page.get_by_text("This film is not showing").wait_for()


def test_a_refused_licence_shows_its_code_and_can_be_tried_again(page, house):
    house.license_refused = True
    enter(page, house, f"/?title={TITLE['title_id']}")
    panel = page.get_by_role("alertdialog")
    panel.get_by_text("LICENSE 403").wait_for()
    assert page.evaluate("document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames") == 0
    house.license_refused = False
    panel.get_by_role("button", name="Try again").click()
    wait_for_position(page, 0.2)
    assert panel.is_hidden()


def test_a_revoked_session_stops_and_says_that_the_service_has_ended_it(page, house):
    house.revoked = True
    enter(page, house, f"/?title={TITLE['title_id']}")
    panel = page.get_by_role("alertdialog")
    panel.get_by_text("This screening was stopped").wait_for()
    panel.get_by_text("REVOKED").wait_for()
    assert page.evaluate("document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames") == 0


def test_a_refused_session_shows_the_request_id(page, house):
    house.titles = [TITLE | {"title_id": "withdrawn"}]
    enter(page, house, "/?title=withdrawn")
    page.get_by_role("alertdialog").get_by_text("API 404 request-1").wait_for()


def test_progress_is_reported_at_the_interval(page, house):
    house.progress_interval_s = 1
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_until(page, lambda: len(positions(house)) >= 2)
    assert positions(house) == sorted(set(positions(house)))


def test_progress_is_reported_when_the_viewer_pauses_seeks_and_leaves(page, house):
    enter(page, house, f"/?title={TITLE['title_id']}")
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
    enter(page, house, f"/?title={TITLE['title_id']}")
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
    enter(page, house, f"/?title={TITLE['title_id']}")
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


def test_subtitles_are_offered_once_each_and_shown_across_segments(page, house):
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.6)
    page.evaluate("document.querySelector('video').pause()")
    # What is forced is shown without being asked for.
    asked = {request.path.rpartition("/")[0] for request in house.asked("/media/") if "/subtitles/" in request.path}
    assert {path.rpartition("/")[2] for path in asked} == {"en_forced"}
    page.locator("video").hover(force=True)
    page.get_by_role("button", name="Captions").first.click()
    menu = page.locator(".shaka-text-languages:visible")
    entries = menu.locator("button:not(.shaka-back-to-overflow-button)")
    entries.first.wait_for()
    offered = [entry.strip() for entry in entries.all_inner_texts()]
    assert sorted(offered) == ["English", "English (Forced)", "English (SDH)", "Japanese", "Off"]
    menu.get_by_role("menuitemradio", name="English", exact=True).click()
    spoken = page.locator(".shaka-text-container")
    wait_until(page, lambda: "".join(spoken.all_inner_texts()).split() == ["From", "amber", "夜", "to", "night"])
    assert spoken.get_by_text("From amber").evaluate("element => getComputedStyle(element).fontStyle") == "italic"
    # Behind the first border it is still there, and there once.
    page.evaluate("document.querySelector('video').play()")
    wait_for_position(page, 2.2)
    page.evaluate("document.querySelector('video').pause()")
    assert "".join(spoken.all_inner_texts()).split() == ["From", "amber", "夜", "to", "night"]
    assert any("/subtitles/en/seg_2.m4s" in request.path for request in house.asked("/media/"))


@pytest.mark.parametrize("thumbnails", [None, f"/media/{EDGE_TOKEN}/the-gradient/v1/thumbnails/none.vtt"])
def test_a_film_without_thumbnails_plays_all_the_same(page, house, thumbnails):
    house.thumbnails = thumbnails
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.6)
    hover(page, 0.5)
    assert not shown(page)["visible"]
    assert page.get_by_role("alertdialog").is_hidden()


def test_the_bearer_goes_to_the_api_and_never_to_the_edge(page, house):
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.5)
    assert {request.authorization for request in house.asked("/media/")} == {None}
    for path in ("/api/playback/sessions/s1/manifest", "/api/playback/license"):
        assert {request.authorization.split(".")[0] for request in house.asked(path)} == {"Bearer id-0"}


@pytest.mark.parametrize(
    ("button", "decision", "said"), [("Allow", "allow", "signed in"), ("Refuse", "deny", "refused")]
)
def test_a_television_is_let_in_or_refused_by_whoever_signs_in(page, house, button, decision, said):
    enter(page, house, f"/activate?code={DEVICE_CODE}")
    # The address brings the code, and does nothing by itself.
    page.get_by_role("heading", name="Sign in a device").wait_for()
    assert page.get_by_label("The code on its screen").input_value() == DEVICE_CODE
    assert house.asked("/api/device") == []
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Living <b>room</b> asks to watch as you.").wait_for()
    assert DEVICE_CODE in page.locator("#device-question").inner_text()
    assert house.asked("/api/device/approve") == []
    page.get_by_role("button", name=button).click()
    page.get_by_role("status").get_by_text(said).wait_for()
    [approval] = house.asked("/api/device/approve")
    assert approval.body == {"user_code": DEVICE_CODE, "decision": decision}


def test_a_code_that_no_device_shows_is_said(page, house):
    enter(page, house, "/activate")
    page.get_by_label("The code on its screen").fill("BBBB-BBBB")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("alert").get_by_text("No device waits with this code").wait_for()


@pytest.mark.parametrize("reason", ["signed-out", "challenge"])
def test_who_may_let_a_television_in_after_a_new_sign_in_is_led_there_and_back(page, house, reason):
    detail = "unusual use of this account: sign in again to show that it is you"
    house.refusals["POST /api/device/approve"] = {"status": 403, "reason": reason, "detail": detail}
    enter(page, house, "/activate")
    page.get_by_label("The code on its screen").fill(DEVICE_CODE)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("alert").get_by_text("Unusual use of this account: sign in again").wait_for()
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Name").wait_for()
    assert asked_for(page)["prompt"] == "login"
    house.refusals.clear()
    fill_in(page)
    page.get_by_role("heading", name="Sign in a device").wait_for()
    assert page.get_by_label("The code on its screen").input_value() == DEVICE_CODE


@pytest.mark.parametrize("request_line", ["GET /api/device/request", "POST /api/device/approve"])
def test_why_a_television_is_not_let_in_is_said_in_the_words_of_the_refusal(page, house, request_line):
    house.refusals[request_line] = {"status": 403, "detail": "the account is blocked for now: write to support"}
    enter(page, house, f"/activate?code={DEVICE_CODE}")
    page.get_by_role("button", name="Continue").click()
    if request_line.startswith("POST"):
        page.get_by_role("button", name="Allow").click()
    page.get_by_role("alert").get_by_text("The account is blocked for now: write to support.").wait_for()
    assert page.get_by_text(USERNAME).is_visible()


def test_devices_are_shown_and_signed_out(page, house):
    house.stage, house.reasons = "notice", ["other-households"]
    enter(page, house)
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("heading", name="Television").wait_for()
    assert page.get_by_text("At home · DE").is_visible()
    assert page.get_by_text("It is used in several other households.").is_visible()
    page.get_by_role("button", name="Sign out Laptop").click()
    page.get_by_role("heading", name="Laptop").wait_for(state="detached")
    assert [request.path for request in house.asked("/api/account/devices/")] == ["/api/account/devices/laptop%2F1"]
    with page.expect_request("**/logout?*"):
        page.get_by_role("button", name="Sign out everywhere").click()
    page.get_by_role("button", name="Sign in").wait_for()
    assert house.devices == []
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize(("button", "path"), [("Sign out Laptop", "/laptop%2F1"), ("Sign out everywhere", "")])
def test_a_sign_out_that_fails_is_said_and_leaves_everything_as_it_is(page, house, button, path):
    house.refusals[f"DELETE /api/account/devices{path}"] = {"status": 503, "title": "Try again"}
    enter(page, house)
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("button", name=button).click()
    page.get_by_role("alert").get_by_text("Something on our side went wrong. Try again.").wait_for()
    assert page.get_by_role("heading", name="Laptop").is_visible()
    assert page.get_by_text(USERNAME).is_visible()
    house.refusals.clear()
    page.get_by_role("button", name=button).click()
    page.get_by_role("heading", name="Laptop").wait_for(state="detached")


def test_a_device_that_is_gone_already_is_not_missed(page, house):
    enter(page, house)
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("heading", name="Laptop").wait_for()
    house.refusals["DELETE /api/account/devices/laptop%2F1"] = {"status": 404, "title": "Not found"}
    del house.devices[1]
    page.get_by_role("button", name="Sign out Laptop").click()
    page.get_by_role("heading", name="Laptop").wait_for(state="detached")
    assert page.get_by_role("heading", name="Television").is_visible()


def sessions(house, *, method):
    """The paths of requests of a method below the sessions."""
    return [request.path for request in house.asked("/api/playback/sessions") if request.method == method]


def test_the_page_says_what_it_plays_and_is_the_same_device_at_every_visit(page, house):
    for _ in range(2):
        enter(page, house, f"/?title={TITLE['title_id']}")
        wait_for_position(page, 0.2)
        page.evaluate("sessionStorage.clear()")
    devices = [request.body["device"] for request in house.asked("/api/playback/sessions") if request.body]
    assert devices[0] == devices[-1]
    assert "h264" in devices[0]["codecs"]
    assert (devices[0]["max_height"], devices[0]["robustness"]) == (800, "software")
    assert devices[0]["id"]


def test_a_session_is_kept_alive_and_ended_when_the_viewer_leaves(page, house):
    house.heartbeat_interval_s = 0.2
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_until(page, lambda: len(house.asked("/api/playback/sessions/s1/heartbeat")) >= 2)
    assert sessions(house, method="DELETE") == []
    page.goto("about:blank")
    wait_until(page, lambda: sessions(house, method="DELETE") == ["/api/playback/sessions/s1"])


def test_a_session_that_another_screen_has_taken_over_stops(page, house):
    house.heartbeat_interval_s = 0.2
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.2)
    house.ended = True
    page.get_by_role("alertdialog").get_by_text("API 410").wait_for()
    assert page.evaluate("document.querySelector('video').paused")


def test_a_session_that_is_revoked_while_it_plays_stops(page, house):
    house.heartbeat_interval_s = 0.2
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.2)
    house.revoked = True
    page.get_by_role("alertdialog").get_by_text("This screening was stopped").wait_for()
    assert page.evaluate("document.querySelector('video').paused")


def licences(house):
    """The key ids of each request for a licence."""
    return [request.body["kids"] for request in house.asked("/api/playback/license")]


def test_a_licence_is_asked_for_again_in_time_with_all_its_keys(page, house):
    house.renews_in_s, house.licence_s = 1.5, 60
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.2)
    first = licences(house)
    wait_until(page, lambda: len(licences(house)) >= len(first) + 2)
    assert {frozenset(kids) for kids in licences(house)[len(first) :]} == {frozenset().union(*first)}
    assert not page.evaluate("document.querySelector('video').paused")


def test_a_licence_that_is_not_renewed_stops_the_film(page, house):
    house.renews_in_s, house.licence_s = 1.5, 60
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.2)
    # The licence alone: heartbeats and segments know nothing of it.
    house.refusals["POST /api/playback/license"] = REVOKED
    page.get_by_role("alertdialog").get_by_text("This screening was stopped").wait_for()
    assert page.evaluate("document.querySelector('video').paused")


# The second is what a web ACL says, of an address and not of a licence.
@pytest.mark.parametrize("refusal", [{"status": 503, "title": "Try again"}, {"status": 403, "title": "Forbidden"}])
def test_a_renewal_that_fails_is_tried_again_before_the_licence_ends(page, house, refusal):
    house.renews_in_s, house.licence_s = 1.5, 5
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.2)
    first = len(licences(house))
    house.refusals["POST /api/playback/license"] = refusal
    wait_until(page, lambda: len(licences(house)) == first + 1)
    house.refusals.clear()
    wait_until(page, lambda: len(licences(house)) == first + 2)
    assert page.get_by_role("alertdialog").is_hidden()


@pytest.mark.parametrize(("renews_in_s", "said"), [(None, "This screening has ended"), (1.2, "The projector stopped")])
def test_a_film_plays_no_longer_than_its_licence(page, house, renews_in_s, said):
    house.renews_in_s, house.licence_s = renews_in_s, 4
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.2)
    house.refusals["POST /api/playback/license"] = {"status": 503, "title": "Try again"}
    page.get_by_role("alertdialog").get_by_text(said).wait_for()
    assert page.evaluate("document.querySelector('video').paused")


def test_who_is_refused_a_seat_is_told_who_sits(page, house):
    house.playing = [
        {"device": "<b>Kitchen</b>", "title_id": "t", "since": 1_795_000_000, "held_until": 1_795_000_075},
        {"device": None, "title_id": "t", "since": 1_795_000_000, "held_until": 1_795_000_075},
    ]
    enter(page, house, f"/?title={TITLE['title_id']}")
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
    enter(page, house)
    row = page.get_by_role("list", name="Continue watching").get_by_role("listitem")
    row.get_by_text("3 s left").wait_for()
    assert row.count() == 1
    assert row.get_by_role("progressbar").evaluate("(bar) => bar.position") == pytest.approx(5 / 8)
    row.get_by_role("link").click()
    wait_for_position(page, 5.1)


def test_the_next_episode_stands_among_what_was_begun_and_begins_at_a_click(page, house):
    house.titles = EPISODES
    seen = {"title_id": "the-gradient", "position_s": 7.9, "duration_s": 8.0, "recorded_at_ms": 1}
    house.begun = [seen | {"next_title_id": next_title_id} for next_title_id in ("the-dusk", "not-in-the-catalog")]
    enter(page, house)
    page.get_by_role("article").get_by_text("Skies · S1 E1 · 2026 · 8 s").wait_for()
    row = page.get_by_role("list", name="Continue watching").get_by_role("listitem")
    row.get_by_text("S1 E2 · Next episode").wait_for()
    assert (row.count(), row.get_by_role("progressbar").count()) == (1, 0)
    row.get_by_role("link", name="The <b>Dusk").click()
    wait_for_position(page, 0.2)
    assert watched(house) == ["the-dusk"]


def test_a_special_is_called_one(page, house):
    house.titles = [TITLE | {"series": EPISODES[0]["series"] | {"season": 0, "episode": 3}}]
    enter(page, house)
    page.get_by_role("article").get_by_text("Skies · Special 3 · 2026 · 8 s").wait_for()


def watched(house):
    return [seen.body["title_id"] for seen in house.asked("/api/playback/sessions") if seen.body]


NEXT = "S1 E2 · The <b>Dusk"


@pytest.fixture
def watching(page, house):
    """The first of two episodes, begun."""
    house.titles, house.next_title_id = EPISODES, "the-dusk"
    enter(page, house, "/?title=the-gradient")
    wait_for_position(page, 0.2)
    return page


def test_from_98_percent_on_the_next_episode_is_offered_by_name_and_plays_at_a_click(watching, house):
    link = watching.locator("#stage").get_by_role("link", name=NEXT)
    watching.evaluate("const video = document.querySelector('video'); video.pause(); video.currentTime = 7.9")
    link.wait_for()
    assert watching.get_by_role("status").get_by_text("Next episode").is_visible()
    # Who goes back has not seen it.
    watching.evaluate("document.querySelector('video').currentTime = 3")
    link.wait_for(state="detached")
    watching.evaluate("document.querySelector('video').currentTime = 7.9")
    link.click()
    watching.get_by_role("heading", name="The <b>Dusk").wait_for()
    wait_for_position(watching, 0.2)
    assert watched(house) == ["the-gradient", "the-dusk"]
    assert link.count() == 0


def test_at_the_end_of_an_episode_the_next_one_is_an_enter_away(watching, house):
    # Slowly, because a video says where it is four times a second.
    watching.evaluate(
        "const video = document.querySelector('video'); video.playbackRate = 0.25; video.currentTime = 7.7"
    )
    wait_until(watching, "document.querySelector('video').ended && document.activeElement.matches('#next a')")
    # It counts as seen before its end, which is told at once and not at the interval.
    assert any(7.84 <= position < 8 for position in positions(house))
    watching.keyboard.press("Enter")
    watching.get_by_role("heading", name="The <b>Dusk").wait_for()
    wait_until(watching, lambda: watched(house) == ["the-gradient", "the-dusk"])


@pytest.mark.parametrize("next_title_id", [None, "not-in-the-catalog"])
def test_where_nothing_follows_nothing_is_offered(watching, house, next_title_id):
    house.next_title_id = next_title_id
    watching.evaluate("document.querySelector('video').currentTime = 7.4")
    wait_until(watching, "document.querySelector('video').ended && marquee.metrics.beats_sent >= 2")
    assert watching.locator("#next").inner_text() == ""


ADA = {"profile_id": "ada", "name": "<b>Ada</b>", "max_age": None}
KIDS = {"profile_id": "kids", "name": "Kids", "max_age": 7}


def test_an_account_without_profiles_is_asked_nothing(page, house):
    enter(page, house)
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    assert page.locator("#watching").is_hidden()
    assert {seen.query for seen in house.asked("/api/catalog/titles")} == {""}


def test_who_watches_is_asked_first_and_gets_films_places_and_progress_of_their_own(page, house):
    house.profiles, house.progress_interval_s = [ADA, KIDS], 1
    enter(page, house, f"/?title={TITLE['title_id']}")
    page.get_by_role("heading", name="Who watches?").wait_for()
    assert house.asked("/api/catalog") == house.asked("/api/playback") == []
    page.get_by_role("button", name="Kids Films up to 7").click()
    # Whoever came for a film gets it.
    wait_until(page, lambda: positions(house))
    page.get_by_role("link", name="Marquee, all films").click()
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    wait_until(page, lambda: [seen for seen in house.asked("/api/playback/progress") if seen.method == "GET"])
    assert {seen.query for seen in house.asked("/api/catalog/titles")} == {"max_age=7"}
    [session] = [seen for seen in house.asked("/api/playback/sessions") if seen.body]
    assert session.body["profile_id"] == "kids"
    for seen in house.asked("/api/playback/progress"):
        assert (seen.body or {"profile_id": seen.query.removeprefix("profile_id=")})["profile_id"] == "kids"


def test_another_profile_is_chosen_at_any_time_and_holds_until_the_sign_out(page, house):
    house.profiles = [ADA, KIDS]
    enter(page, house)
    page.get_by_role("button", name="Kids").click()
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    page.reload()
    page.get_by_role("link", name="Kids").click()
    page.get_by_role("button", name="<b>Ada</b>").click()
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    assert page.get_by_role("link", name="<b>Ada</b>").is_visible()
    assert page.url == house.url
    assert [seen.query for seen in house.asked("/api/catalog/titles")] == ["max_age=7", "max_age=7", ""]
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").click()
    fill_in(page)
    page.get_by_role("heading", name="Who watches?").wait_for()
    # Whose account it is watches under the address that signs in, and names no profile.
    page.get_by_role("button", name=USERNAME).click()
    page.get_by_role("listitem").get_by_role("link").click()
    wait_for_position(page, 0.2)
    [session] = [seen for seen in house.asked("/api/playback/sessions") if seen.body]
    assert "profile_id" not in session.body


def happenings(house):
    """What the page said of how the film plays, without how long it took."""
    told = [event for request in house.asked("/api/playback/telemetry") for event in request.body["events"]]
    assert {request.body["session_id"] for request in house.asked("/api/playback/telemetry")} <= {"s1"}
    return [(event["type"], event.get("code")) for event in told]


def test_the_page_says_how_the_film_started_and_at_which_bit_rate(page, house):
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.2)
    page.get_by_role("link", name="Marquee, all films").click()
    wait_until(page, lambda: happenings(house))
    assert sorted(happenings(house)) == [("started", None), ("switched", None)]


def test_a_film_that_stands_still_for_want_of_segments_is_told_and_a_seek_is_not(page, house):
    enter(page, house, "/")
    page.get_by_role("heading", name=TITLE["name"]).wait_for()
    # A request that is neither answered nor refused, until it is let go.
    page.route("**/seg_4.m4s", lambda _route: None)
    page.get_by_role("listitem").get_by_role("link").click()
    wait_for_position(page, 0.2)
    page.evaluate("document.querySelector('video').currentTime = 4.8")
    wait_for_position(page, 5.5)
    wait_until(page, "marquee.player.isBuffering()")
    page.unroute("**/seg_4.m4s")
    wait_for_position(page, 6.3)
    page.goto("about:blank")
    wait_until(page, lambda: happenings(house))
    assert [kind for kind, _ in happenings(house) if kind == "stalled"] == ["stalled"]


def test_why_a_film_stopped_is_told_without_the_request(page, house):
    house.heartbeat_interval_s = 0.2
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.2)
    house.ended = True
    wait_until(page, lambda: ("failed", "API 410") in happenings(house))


def languages_are(page, *tags):
    page.add_init_script(f"Object.defineProperty(navigator, 'languages', {{ get: () => {list(tags)} }})")


def heard(page):
    return page.evaluate("marquee.player.getVariantTracks().find(({ active }) => active).language")


def read(page):
    """What is read: the languages of the text that is shown, but for forced ones."""
    shown = "marquee.player.getTextTracks().filter(({ active, forced }) => active && !forced)"
    return page.evaluate(f"{shown}.map(({{ language }}) => language)")


def asked_languages(house):
    return [seen.body["languages"] for seen in house.asked("/api/playback/sessions") if seen.body]


@pytest.mark.parametrize(("tags", "language"), [(["fr-FR", "de-AT"], "de"), (["en-GB", "de"], "en"), (["ja"], "en")])
def test_the_sound_is_that_of_the_browsers_language_and_nothing_is_read_unasked(page, house, tags, language):
    languages_are(page, *tags, "not_a_tag")
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.2)
    assert (heard(page), read(page)) == (language, [])
    assert asked_languages(house) == [{"audio": tags, "text": []}]


def test_what_is_chosen_is_heard_and_read_the_next_time_by_the_same_profile_alone(page, house):
    house.profiles = [ADA]
    enter(page, house, f"/?title={TITLE['title_id']}")
    page.get_by_role("button", name="<b>Ada</b>").click()
    wait_for_position(page, 0.2)
    page.evaluate(
        """() => {
          const { player } = window.marquee;
          player.selectTextTrack(player.getTextTracks().find(({ language }) => language === "ja"));
          player.selectAudioTrack(player.getAudioTracks().find(({ language }) => language === "de"));
        }"""
    )
    wait_until(page, "(localStorage.getItem('marquee.languages') ?? '').split(':').length === 4")
    page.reload()
    wait_for_position(page, 0.2)
    assert (heard(page), read(page)) == ("de", ["ja"])
    page.evaluate("marquee.player.selectTextTrack(null)")
    wait_until(page, "!localStorage.getItem('marquee.languages').includes('ja')")
    page.reload()
    wait_for_position(page, 0.2)
    assert (heard(page), read(page)) == ("de", [])
    page.goto("/?view=profiles")
    page.get_by_role("button", name=USERNAME).click()
    page.get_by_role("listitem").get_by_role("link").click()
    wait_for_position(page, 0.2)
    assert heard(page) == "en"
