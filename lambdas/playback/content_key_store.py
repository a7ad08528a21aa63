"""Where content keys are kept, and KMS, which makes and opens them."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from lambdas.common.attributes import Item, from_dynamodb, to_dynamodb, values_of
from lambdas.common.aws import client, transient_errors
from lambdas.common.content_keys import ContentKey, encryption_context
from lambdas.playback.table import Table

_KEY_BYTES = 16
_PERIOD = "#"
_KID = "kid#"


class ContentKeyTable(Table):
    """Content keys, wrapped, by ``title_id`` and ``tier``, with which the period stands from the second one on.

    Those that other packagers asked for lie beside them, by their KID: there one tier may have several.
    """

    @transient_errors()
    def of_title(self, title_id: str) -> tuple[ContentKey, ...]:
        """Return a title's keys of all periods."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._name,
                KeyConditionExpression="title_id = :title_id",
                ExpressionAttributeValues=to_dynamodb({":title_id": title_id}),
                ConsistentRead=True,
            )
        )
        return tuple(_content_key(from_dynamodb(item)) for page in pages for item in page["Items"])

    def keep(self, key: ContentKey, *, title_id: str) -> ContentKey:
        """Store `key` unless its place is taken by now; return the one that is stored.

        The place is the tier and the period, and of a key that another packager asked for, its KID.
        """
        item = {"title_id": title_id, **values_of(key), "tier": _place(key), "opens": key.tier.value}
        if self._put(item, condition="attribute_not_exists(title_id)"):
            return key
        return next(found for found in self.of_title(title_id) if _place(found) == _place(key))


@transient_errors()
def new_wrapped_key(*, wrapping_key_id: str, context: Mapping[str, str]) -> str:
    """Return a new content key as KMS ciphertext (base64), bound to `context`; nobody sees it in clear."""
    answer = client("kms").generate_data_key_without_plaintext(
        KeyId=wrapping_key_id, NumberOfBytes=_KEY_BYTES, EncryptionContext=dict(context)
    )
    return base64.b64encode(answer["CiphertextBlob"]).decode()


@transient_errors()
def unwrap(key: ContentKey, *, title_id: str) -> bytes:
    """Return a content key in clear, 16 bytes. KMS opens it only as the key of this title, tier and KID."""
    answer = client("kms").decrypt(
        CiphertextBlob=base64.b64decode(key.wrapped),
        EncryptionContext=encryption_context(title_id=title_id, tier=key.tier, key_id=key.key_id),
    )
    return bytes(answer["Plaintext"])


def _place(key: ContentKey) -> str:
    if key.track is not None:
        return f"{_KID}{key.key_id}"
    return f"{key.tier}{_PERIOD}{key.period}" if key.period else key.tier.value


def _content_key(item: Item) -> ContentKey:
    values = {name: value for name, value in item.items() if name not in {"title_id", "opens"}}
    # Keys that were kept before there were other packagers say their tier in their place only.
    return ContentKey.model_validate(values | {"tier": item.get("opens") or item["tier"].partition(_PERIOD)[0]})
