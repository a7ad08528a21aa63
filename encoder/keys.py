"""Content keys: opened here, at the last moment, and never written anywhere."""

from __future__ import annotations

import base64

import boto3
from botocore.client import BaseClient

from encoder.errors import PackagingError
from encoder.storage import aws_errors
from lambdas.common.content_keys import ContentKey, encryption_context
from lambdas.common.media import Tier

_KEY_BYTES = 16


class OpenKey:
    """A content key in the clear. Its `repr` does not show it."""

    def __init__(self, *, tier: Tier, key_id: str, secret: bytes) -> None:
        self.tier = tier
        self.key_id = key_id
        self._secret = secret

    def __repr__(self) -> str:
        return f"OpenKey({self.tier}, {self.key_id})"

    @property
    def secret_hex(self) -> str:
        """The key, hexadecimal."""
        return self._secret.hex()


class KeyOpener:
    """KMS, as the packager needs it."""

    def __init__(self, client: BaseClient) -> None:
        self._client = client

    @classmethod
    def connect(cls) -> KeyOpener:
        """Return the opener of the region and the account that the environment names."""
        return cls(boto3.client("kms"))

    def open(self, key: ContentKey, *, title_id: str) -> OpenKey:
        """Unwrap `key`, which was issued to `title_id`.

        Raises
        ------
        RefusedError
            If KMS refuses: the key was wrapped for another title, tier or KID.
        PackagingError
            If what was wrapped is not a 16-byte key.
        """
        context = encryption_context(title_id=title_id, tier=key.tier, key_id=key.key_id)
        with aws_errors(f"open the {key.tier} key of {title_id}"):
            secret = self._client.decrypt(CiphertextBlob=base64.b64decode(key.wrapped), EncryptionContext=context)[
                "Plaintext"
            ]
        if len(secret) != _KEY_BYTES:
            raise PackagingError(f"the {key.tier} key of {title_id} is not {_KEY_BYTES} bytes long")
        return OpenKey(tier=key.tier, key_id=key.key_id, secret=secret)
