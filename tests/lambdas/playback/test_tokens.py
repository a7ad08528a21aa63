from datetime import UTC, datetime

import jwt
import pytest
from pydantic import ValidationError

from lambdas.playback.models import EdgeKey, Session
from lambdas.playback.tokens import media_base, mint

NOW = datetime(2026, 1, 1, tzinfo=UTC)


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


def test_the_base_ends_with_a_slash_so_that_relative_urls_append():
    assert media_base("a.b.c") == "/media/a.b.c/"


def test_the_key_shows_neither_in_its_representation_nor_in_an_error(edge_key):
    assert edge_key.key not in repr(edge_key)
    with pytest.raises(ValidationError) as refused:
        EdgeKey.model_validate_json('{"kid": "k1", "key": "short-but-secret"}')
    assert "short-but-secret" not in str(refused.value)
