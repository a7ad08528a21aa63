import base64
import json
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from lambdas.playback.models import EdgeKey, Session, SessionKey
from lambdas.playback.tokens import media_base, mint, pathway_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OF_KEY = {EdgeKey: {"kid": "k1"}, SessionKey: {}}


def a_session(playable):
    return Session(
        session_id="s" * 48,
        viewer_id="v",
        title_id=playable.title_id,
        version_id=playable.version_id,
        manifests=playable.manifests,
        created_at=int(NOW.timestamp()),
        expires_at=int(NOW.timestamp()) + 60,
    )


def test_a_token_opens_one_version_for_as_long_as_its_session(playable, edge_key):
    session = a_session(playable)

    token = mint(session=session, key=edge_key)

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": "k1"}
    claims = jwt.decode(token, edge_key.key, algorithms=["HS256"], audience="edge", options={"verify_exp": False})
    assert claims == {
        "sid": session.session_id,
        "pth": "/big-buck-bunny/v0123456789abcdef/",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 60,
        "aud": "edge",
    }


def test_all_manifests_of_a_session_carry_the_same_token(playable, edge_key):
    session = a_session(playable)

    assert mint(session=session, key=edge_key) == mint(session=session, key=edge_key)


def test_a_pathways_key_is_derived_as_rfc_5869_has_it(edge_key):
    derived = pathway_key(edge_key, pathway_id="isp-1")

    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"marquee edge tokens of pathway isp-1")
    assert base64.urlsafe_b64decode(derived.key + "=") == hkdf.derive(edge_key.key.encode())
    assert derived.kid == edge_key.kid


def test_a_pathways_token_opens_neither_another_pathway_nor_the_distribution(playable, edge_key):
    session, keys = a_session(playable), {"cdn": edge_key}
    keys |= {name: pathway_key(edge_key, pathway_id=name) for name in ("isp-1", "isp-2")}
    opened = {
        (signer, reader)
        for signer, signing in keys.items()
        for reader, reading in keys.items()
        if opens(mint(session=session, key=signing), key=reading)
    }
    assert opened == {(name, name) for name in keys}


def opens(token, *, key):
    try:
        jwt.decode(token, key.key, algorithms=["HS256"], audience="edge", options={"verify_exp": False})
    except jwt.InvalidSignatureError:
        return False
    return True


def test_the_base_ends_with_a_slash_so_that_relative_urls_append():
    assert media_base("a.b.c") == "/media/a.b.c/"


@pytest.mark.parametrize("model", [EdgeKey, SessionKey])
def test_a_key_shows_neither_in_its_representation_nor_in_an_error(model):
    assert "f" * 32 not in repr(model.model_validate({"key": "f" * 32} | OF_KEY[model]))
    with pytest.raises(ValidationError) as refused:
        model.model_validate_json(json.dumps({"key": "short-but-secret"} | OF_KEY[model]))
    assert "short-but-secret" not in str(refused.value)
