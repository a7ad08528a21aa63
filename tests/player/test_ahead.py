"""The licence is asked for before the manifest is there, and once for all keys."""

import pytest

from lambdas.playback.models import kid_of
from tests.player.house import TITLE
from tests.player.test_page import enter, wait_for_position, wait_until

pytestmark = pytest.mark.browser

LICENCE = "/api/playback/license"


def kids(house):
    return [set(request.body["kids"]) for request in house.asked(LICENCE)]


def test_one_licence_for_all_keys_is_asked_for_while_the_manifest_is_on_its_way(page, house):
    held = []

    def hold(route):
        held.append(route)

    page.route("**/manifest?format=dash", hold)
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_until(page, lambda: held and kids(house))
    held[0].continue_()
    wait_for_position(page, 0.5)
    assert kids(house) == [{kid_of(key_id) for key_id in house.film.keys}]


def name(page, key_ids):
    """Let sessions name these keys."""

    def answer(route):
        session = route.fetch()
        route.fulfill(response=session, json=session.json() | {"key_ids": key_ids})

    page.route("**/api/playback/sessions", answer)


def test_a_key_that_the_session_did_not_name_is_asked_for_by_itself(page, house):
    named, other = (kid_of(key_id) for key_id in house.film.keys)
    name(page, [named])
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.5)
    assert kids(house) == [{named}, {other}]


def test_a_session_that_names_no_keys_plays_as_shaka_asks(page, house):
    name(page, [])
    enter(page, house, f"/?title={TITLE['title_id']}")
    wait_for_position(page, 0.5)
    assert set().union(*kids(house)) == {kid_of(key_id) for key_id in house.film.keys}
