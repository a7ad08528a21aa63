from datetime import UTC, datetime, timedelta

import pytest

from lambdas.common.errors import ExpiredError, NotFoundError
from lambdas.playback import sessions
from lambdas.playback.models import Progress

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def session(playable):
    return sessions.create(viewer_id="viewer-1", playable=playable, device="tv", now=NOW, ttl_s=60)


def seen(position_s, *, completed):
    return Progress(viewer_id="viewer-1", title_id="t", position_s=position_s, completed=completed, recorded_at_ms=0)


def test_a_session_pins_the_version_that_was_current(session, playable):
    assert (session.version_id, session.manifests) == (playable.version_id, playable.manifests)
    assert session.thumbnails == playable.thumbnails


def test_session_ids_cannot_be_guessed_from_each_other(playable):
    ids = {
        sessions.create(viewer_id="v", playable=playable, device=None, now=NOW, ttl_s=60).session_id for _ in range(50)
    }

    assert len(ids) == 50
    assert min(map(len, ids)) >= 32


def test_the_answer_is_all_that_a_player_needs(session, edge_key):
    answer = sessions.answer(session=session, progress=None, key=edge_key)

    manifest = f"/api/playback/sessions/{session.session_id}/manifest?format="
    assert answer["manifests"] == {"dash": f"{manifest}dash", "hls": f"{manifest}hls"}
    assert answer["license_url"] == f"/api/playback/license?session_id={session.session_id}"
    assert answer["edge"]["base"] == f"/media/{answer['edge']['token']}/"
    assert answer["thumbnails"] == f"{answer['edge']['base']}{session.thumbnails}"
    assert answer["expires_at"] == int(NOW.timestamp()) + 60
    assert answer["progress_interval_s"] == 30


def test_a_version_without_thumbnails_has_none_in_the_answer(playable, edge_key):
    bare = playable.model_copy(update={"thumbnails": None})
    session = sessions.create(viewer_id="v", playable=bare, device=None, now=NOW, ttl_s=60)

    assert sessions.answer(session=session, progress=None, key=edge_key)["thumbnails"] is None


@pytest.mark.parametrize(
    ("progress", "resume"),
    [(None, 0.0), (seen(42.5, completed=False), 42.5), (seen(99.0, completed=True), 0.0)],
)
def test_a_film_goes_on_where_it_was_left_unless_it_was_seen_to_its_end(session, edge_key, progress, resume):
    answer = sessions.answer(session=session, progress=progress, key=edge_key)

    assert answer["resume_position_s"] == resume


def test_its_viewer_may_use_a_session_until_the_last_second(session):
    last = NOW + timedelta(seconds=59.9)

    assert sessions.check(session=session, viewer_id="viewer-1", now=last) is session


def test_an_expired_session_is_refused_though_its_row_is_still_there(session):
    with pytest.raises(ExpiredError):
        sessions.check(session=session, viewer_id="viewer-1", now=NOW + timedelta(seconds=60))


def test_another_viewers_session_looks_like_none(session):
    with pytest.raises(NotFoundError) as others:
        sessions.check(session=session, viewer_id="viewer-2", now=NOW)
    with pytest.raises(NotFoundError) as none:
        sessions.check(session=None, viewer_id="viewer-2", now=NOW)

    assert str(others.value) == str(none.value)


def test_another_viewer_does_not_even_learn_that_a_session_has_expired(session):
    with pytest.raises(NotFoundError):
        sessions.check(session=session, viewer_id="viewer-2", now=NOW + timedelta(days=1))
