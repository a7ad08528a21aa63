"""Session ids: nobody guesses one, and each says whose it is."""

import string

import pytest

from lambdas.common.errors import InvalidInputError, NotFoundError
from lambdas.playback.models import SessionKey
from lambdas.playback.session_ids import check_owner, session_id_of


def test_session_ids_cannot_be_guessed_from_each_other(session_key):
    ids = {session_id_of(viewer_id="v", idempotency_key=None, key=session_key) for _ in range(50)}

    assert len(ids) == 50
    assert min(map(len, ids)) >= 32


def test_the_same_idempotency_key_of_the_same_viewer_is_the_same_session(session_key):
    def session_id(viewer_id, idempotency_key):
        return session_id_of(viewer_id=viewer_id, idempotency_key=idempotency_key, key=session_key)

    ids = {session_id(viewer, key) for viewer in ("v", "w") for key in ("1", "2")}

    assert len(ids) == len({one[:24] for one in ids}) == 4
    assert session_id("v", "1") in ids
    assert "v1" not in session_id("v", "1")


@pytest.mark.parametrize("idempotency_key", ["", "x" * 256])
def test_an_idempotency_key_has_a_length(session_key, idempotency_key):
    with pytest.raises(InvalidInputError, match="255"):
        session_id_of(viewer_id="v", idempotency_key=idempotency_key, key=session_key)


@pytest.mark.parametrize("idempotency_key", [None, "again"])
def test_an_id_is_its_viewers_and_no_others(session_key, idempotency_key):
    session_id = session_id_of(viewer_id="v", idempotency_key=idempotency_key, key=session_key)

    check_owner(session_id, viewer_id="v", key=session_key)
    for viewer, key in (("w", session_key), ("", session_key), ("v", SessionKey(key="f" * 64))):
        with pytest.raises(NotFoundError):
            check_owner(session_id, viewer_id=viewer, key=key)


def test_an_id_with_another_character_is_nobodys(session_key):
    session_id = session_id_of(viewer_id="v", idempotency_key=None, key=session_key)

    for place, character in enumerate(session_id):
        other = next(one for one in string.ascii_letters if one != character)
        with pytest.raises(NotFoundError):
            check_owner(session_id[:place] + other + session_id[place + 1 :], viewer_id="v", key=session_key)


@pytest.mark.parametrize("session_id", ["", "s", "s" * 24, "s" * 48, "s" * 64, "ä" * 48])
def test_what_was_given_to_nobody_is_nobodys(session_key, session_id):
    with pytest.raises(NotFoundError):
        check_owner(session_id, viewer_id="v", key=session_key)


def test_an_id_fits_where_ids_go(session_key):
    session_id = session_id_of(viewer_id="v", idempotency_key=None, key=session_key)

    assert len(session_id) == 48
    assert set(session_id) <= {*string.ascii_letters, *string.digits, *"-_"}
