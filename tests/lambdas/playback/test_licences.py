import base64
from datetime import UTC, datetime

import pytest

from lambdas.common.content_keys import ContentKey
from lambdas.common.errors import InvalidInputError, NotFoundError, OfflineRefusedError
from lambdas.common.media import Tier
from lambdas.common.parsing import parse
from lambdas.playback import licences
from lambdas.playback.entitlement import NotEntitledError
from lambdas.playback.models import MAX_KEY_IDS, LicenseRequest, Session


def b64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


KID = bytes(range(240, 256))
NOW = 1_800_000_000


def key(tier, key_id):
    return ContentKey(tier=tier, key_id=key_id, wrapped="")


@pytest.fixture
def key_ids(playable):
    return frozenset(playable.key_ids.values())


@pytest.fixture
def keys(playable):
    return [key(tier, key_id) for tier, key_id in playable.key_ids.items()]


def unwrap(of):
    return of.key_id.encode()[:16]


@pytest.fixture
def grant(playable, key_ids, keys):
    """Grant a licence for `kids`, in a session that ends in four hours."""

    def grant(
        *kids,
        kind="temporary",
        unwrap=unwrap,
        ends_in_s=4 * 3600,
        tier=None,
        offline_s=0,
        rights_end_in_s=None,
        rights_until=None,
    ):
        session = Session(
            session_id="s",
            viewer_id="viewer-1",
            title_id=playable.title_id,
            version_id=playable.version_id,
            manifests=playable.manifests,
            tier=tier,
            offline_s=offline_s,
            rights_until=rights_until or (rights_end_in_s and NOW + rights_end_in_s),
            created_at=NOW,
            expires_at=NOW + ends_in_s,
        )
        return licences.grant(
            request=LicenseRequest(kids=tuple(b64url(bytes.fromhex(kid)) for kid in kids), type=kind),
            session=session,
            key_ids=key_ids,
            keys=keys,
            unwrap=unwrap,
            now=datetime.fromtimestamp(NOW, UTC),
        ).model_dump(mode="json")

    return grant


def test_a_licence_holds_the_keys_that_were_asked_for_and_no_other(grant):
    licence = grant("c" * 32, "a" * 32)

    assert licence["keys"] == [
        {"kty": "oct", "kid": b64url(b"\xcc" * 16), "k": b64url(b"c" * 16)},
        {"kty": "oct", "kid": b64url(b"\xaa" * 16), "k": b64url(b"a" * 16)},
    ]
    assert licence["type"] == "temporary"


def test_a_kid_that_stands_twice_is_answered_once(grant):
    assert len(grant("a" * 32, "a" * 32)["keys"]) == 1


def test_one_unknown_key_refuses_the_whole_request_before_anything_is_unwrapped(grant):
    def unwrap(_key):
        raise AssertionError("unwrapped")

    with pytest.raises(NotFoundError, match="d" * 32):
        grant("a" * 32, "d" * 32, unwrap=unwrap)


def test_a_key_of_the_title_that_its_version_does_not_use_is_unknown(grant, keys):
    keys.append(key(Tier.HD, "e" * 32))

    with pytest.raises(NotFoundError):
        grant("e" * 32)


def test_a_session_gets_the_keys_of_its_tier_and_of_those_below(grant):
    assert len(grant("a" * 32, "b" * 32, tier=Tier.SD)["keys"]) == 2
    assert len(grant("c" * 32, tier=Tier.HD)["keys"]) == 1
    with pytest.raises(NotFoundError, match="c" * 32):
        grant("c" * 32, tier=Tier.SD)


def test_a_licence_ends_with_its_session_and_is_renewed_before(grant):
    lasts, before = licences.LICENCE_S, licences.RENEW_BEFORE_S

    assert terms(grant("a" * 32)) == (NOW + lasts, NOW + lasts - before)
    assert terms(grant("a" * 32, ends_in_s=600)) == (NOW + 600, None)
    assert terms(grant("a" * 32, ends_in_s=lasts)) == (NOW + lasts, None)


def test_a_licence_to_keep_is_refused_unless_the_plan_has_them_and_then_has_its_time(grant):
    with pytest.raises(OfflineRefusedError, match="temporary"):
        grant("a" * 32, kind="persistent-license")

    licence = grant("a" * 32, kind="persistent-license", offline_s=7 * 86_400)

    assert licence["type"] == "persistent-license"
    assert terms(licence) == (NOW + 7 * 86_400, None)


def test_a_licence_that_is_kept_ends_with_the_titles_rights(grant):
    kept = grant("a" * 32, kind="persistent-license", offline_s=48 * 3600, rights_end_in_s=600)
    assert (kept["expires_at"], kept["renew_at"]) == (NOW + 600, None)
    later = grant("a" * 32, kind="persistent-license", offline_s=3600, rights_end_in_s=86_400)
    assert later["expires_at"] == NOW + 3600


def test_nothing_is_kept_any_more_of_a_title_whose_rights_have_ended(grant):
    with pytest.raises(OfflineRefusedError, match="rights have ended"):
        grant("a" * 32, kind="persistent-license", offline_s=3600, rights_end_in_s=-1)


def test_a_licence_ends_with_the_titles_rights_and_is_the_last_then(grant):
    lasts, before = licences.LICENCE_S, licences.RENEW_BEFORE_S

    assert terms(grant("a" * 32, rights_end_in_s=600)) == (NOW + 600, None)
    assert terms(grant("a" * 32, rights_end_in_s=lasts)) == (NOW + lasts, None)
    assert terms(grant("a" * 32, rights_end_in_s=lasts + 1)) == (NOW + lasts, NOW + lasts - before)
    assert terms(grant("a" * 32, rights_end_in_s=600, ends_in_s=300)) == (NOW + 300, None)


@pytest.mark.parametrize("ended_s_ago", [0, 1])
def test_a_session_that_outlives_the_titles_rights_gets_no_licence_any_more(grant, ended_s_ago):
    def unwrap(_key):
        raise AssertionError("unwrapped")

    with pytest.raises(NotEntitledError, match="rights have ended") as refused:
        grant("a" * 32, rights_until=NOW - ended_s_ago, unwrap=unwrap)
    assert refused.value.members["reason"] == "no-longer"


def terms(licence):
    return licence["expires_at"], licence["renew_at"]


def test_key_ids_are_base64url():
    assert "-" in b64url(KID) or "_" in b64url(KID)
    assert parse(LicenseRequest, {"kids": [b64url(KID)]}).kids == (KID.hex(),)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kids"),
        ({"kids": []}, "kids"),
        ({"kids": "abc"}, "kids"),
        ({"kids": [1]}, "kids.0"),
        ({"kids": [b64url(KID), "????"]}, "kids.1"),
        ({"kids": ["ä" * 22]}, "kids.0"),
        ({"kids": [b64url(KID[:15])]}, "kids.0"),
        ({"kids": [b64url(KID).replace("_", "/").replace("-", "+")]}, "kids.0"),
        ({"kids": [b64url(KID)] * (MAX_KEY_IDS + 1)}, "kids"),
        ({"kids": [b64url(KID)], "type": "for-ever"}, "type"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_by_field(body, field):
    with pytest.raises(InvalidInputError) as refused:
        parse(LicenseRequest, body)

    assert refused.value.errors[0].field == field
