from datetime import UTC, datetime, timedelta

import pytest

from lambdas.common.errors import ExpiredError, NotFoundError
from lambdas.common.media import Tier
from lambdas.playback import sessions
from lambdas.playback.accounts import Account
from lambdas.playback.models import Device, LicenseRequest, Progress, SessionRequest
from lambdas.playback.tokens import mint, pathway_key
from tests.lambdas.playback.conftest import ONE_WAY, TWO_WAYS

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def create(playable, terms):
    """Create a session on `playable`, or on what is given in its place."""

    def create(title=playable, *, plan="premium", device=None, session_id="s" * 32):
        return sessions.create(
            session_id=session_id,
            account=Account(viewer_id="viewer-1", plan=plan, territory="US"),
            playable=title,
            request=SessionRequest(title_id=title.title_id, device=device or Device(name="tv")),
            terms=terms,
            now=NOW,
        )

    return create


@pytest.fixture
def session(create):
    return create()


@pytest.fixture
def answer(edge_key):
    """Answer a request for a session."""

    def answer(session, progress=None, pathways=ONE_WAY):
        answered = sessions.answer(session=session, progress=progress, key=edge_key, heartbeat_s=10, pathways=pathways)
        return answered.model_dump(mode="json")

    return answer


def seen(position_s, *, completed):
    return Progress(viewer_id="viewer-1", title_id="t", position_s=position_s, completed=completed, recorded_at_ms=0)


def test_a_session_pins_the_version_that_was_current(session, playable):
    assert (session.version_id, session.manifests) == (playable.version_id, playable.manifests)
    assert session.thumbnails == playable.thumbnails


def test_a_session_has_the_keys_of_its_tier_and_below(create, playable):
    assert set(create(plan="standard").key_ids) == set(playable.key_ids) == {Tier.AUDIO, Tier.SD, Tier.HD}
    basic = create(plan="basic")
    assert (basic.tier, basic.reasons) == (Tier.SD, ("plan",))
    assert set(basic.key_ids) == {Tier.AUDIO, Tier.SD}


def test_the_answer_is_all_that_a_player_needs(session, answer):
    told = answer(session)

    url = f"/api/playback/sessions/{session.session_id}"
    assert told["url"] == url
    assert told["manifests"] == {"dash": f"{url}/manifest?format=dash", "hls": f"{url}/manifest?format=hls"}
    assert told["license_url"] == f"/api/playback/license?session_id={session.session_id}"
    assert told["license_urls"] == {"org.w3.clearkey": told["license_url"]}
    assert set(LicenseRequest(kids=told["key_ids"]).kids) == set(session.key_ids.values())
    assert told["edge"]["base"] == f"/media/{told['edge']['token']}/"
    assert told["thumbnails"] == f"{told['edge']['base']}{session.thumbnails}"
    assert told["expires_at"] == int(NOW.timestamp()) + 60
    assert told["progress_interval_s"] == 30
    assert (told["heartbeat_url"], told["heartbeat_interval_s"]) == (f"{url}/heartbeat", 10)
    assert told["tier"] == {"allowed": "HD", "reasons": []}
    assert told["pathways"] == [{"id": "cdn", "base": told["edge"]["base"]}]


def test_every_way_to_the_segments_is_told_the_best_first_with_a_token_of_its_own(session, answer, edge_key):
    told = answer(session, pathways=TWO_WAYS)

    of_the_other = mint(session=session, key=pathway_key(edge_key, pathway_id="isp-1"))
    assert of_the_other != told["edge"]["token"]
    assert told["pathways"] == [
        {"id": "isp-1", "base": f"https://cache.isp.example/media/{of_the_other}/"},
        {"id": "cdn", "base": told["edge"]["base"]},
    ]


def test_a_version_without_thumbnails_has_none_in_the_answer(create, playable, answer):
    session = create(playable.model_copy(update={"thumbnails": None}))

    assert answer(session)["thumbnails"] is None


@pytest.mark.parametrize(
    ("progress", "resume"),
    [(None, 0.0), (seen(42.5, completed=False), 42.5), (seen(99.0, completed=True), 0.0)],
)
def test_a_film_goes_on_where_it_was_left_unless_it_was_seen_to_its_end(session, answer, progress, resume):
    assert answer(session, progress)["resume_position_s"] == resume


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
