import base64

import pytest

from lambdas.common.errors import InvalidInputError, NotFoundError
from lambdas.common.media import Tier
from lambdas.common.parsing import parse
from lambdas.encoding.models import ContentKey
from lambdas.playback import licences
from lambdas.playback.models import MAX_KEY_IDS, LicenseRequest


def b64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


KID = bytes(range(240, 256))


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


def request(*kids):
    return LicenseRequest(kids=tuple(b64url(bytes.fromhex(kid)) for kid in kids))


def test_a_licence_holds_the_keys_that_were_asked_for_and_no_other(key_ids, keys):
    licence = licences.grant(request=request("c" * 32, "a" * 32), key_ids=key_ids, keys=keys, unwrap=unwrap)

    assert licence == {
        "keys": [
            {"kty": "oct", "kid": b64url(b"\xcc" * 16), "k": b64url(b"c" * 16)},
            {"kty": "oct", "kid": b64url(b"\xaa" * 16), "k": b64url(b"a" * 16)},
        ],
        "type": "temporary",
    }


def test_a_kid_that_stands_twice_is_answered_once(key_ids, keys):
    licence = licences.grant(request=request("a" * 32, "a" * 32), key_ids=key_ids, keys=keys, unwrap=unwrap)

    assert len(licence["keys"]) == 1


def test_one_unknown_key_refuses_the_whole_request_before_anything_is_unwrapped(key_ids, keys):
    def unwrap(_key):
        raise AssertionError("unwrapped")

    with pytest.raises(NotFoundError, match="d" * 32):
        licences.grant(request=request("a" * 32, "d" * 32), key_ids=key_ids, keys=keys, unwrap=unwrap)


def test_a_key_of_the_title_that_its_version_does_not_use_is_unknown(key_ids, keys):
    keys.append(key(Tier.HD, "e" * 32))

    with pytest.raises(NotFoundError):
        licences.grant(request=request("e" * 32), key_ids=key_ids, keys=keys, unwrap=unwrap)


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
        ({"kids": [b64url(KID)], "type": "persistent-license"}, "type"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_by_field(body, field):
    with pytest.raises(InvalidInputError) as refused:
        parse(LicenseRequest, body)

    assert refused.value.errors[0].field == field
