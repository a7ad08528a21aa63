"""The same file twice: which object of a studio holds a content, and who else delivered it.

Only files of one studio are compared: to learn that another studio owns the same bytes would be a leak.
"""

from __future__ import annotations

from collections.abc import Iterable

from botocore.exceptions import ClientError

from lambdas.common.aws import client, condition_failed, transient_errors
from lambdas.common.dispositions import Disposition
from lambdas.common.media import ObjectRef
from lambdas.ingestion.dispositions import readable, tag
from lambdas.ingestion.states import StoredFile

Item = dict[str, dict[str, str]]


class ContentStore:
    """The accepted files in the deliveries table: ``CONTENT#{studio}``, ``{sha256}``.

    Beside each, ``{sha256}#{version of the delivery}`` says who delivered the same again, and
    ``{sha256}#held#{version of the object}`` which objects held the content before. Every method raises
    `TransientError` if DynamoDB is throttling or away.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    @transient_errors()
    def holder(self, *, studio: str, sha256: str) -> ObjectRef | None:
        """Return the object that holds a content, if one was ever accepted."""
        answer = client("dynamodb").get_item(TableName=self._table, Key=_key(studio, sha256), ConsistentRead=True)
        return _ref(answer["Item"]) if "Item" in answer else None

    @transient_errors()
    def keep(
        self, ref: ObjectRef, *, studio: str, sha256: str, delivery_id: str, instead_of: ObjectRef | None = None
    ) -> ObjectRef:
        """Record that `ref` holds a content, unless another object does; return the one that holds it then.

        Parameters
        ----------
        instead_of
            The object that held it until now, and is to do so no longer.
        """
        condition: dict[str, object] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if instead_of:
            condition = {
                "ConditionExpression": "object_key = :key AND object_version = :version",
                "ExpressionAttributeValues": {
                    ":key": {"S": instead_of.key},
                    ":version": {"S": instead_of.version_id or ""},
                },
            }
        try:
            client("dynamodb").put_item(
                TableName=self._table,
                Item=_key(studio, sha256) | _attributes(ref) | {"delivery_id": {"S": delivery_id}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except ClientError as error:
            if condition_failed(error):
                return _ref(error.response["Item"])
            raise
        return ref

    @transient_errors()
    def remember(self, ref: ObjectRef, *, studio: str, sha256: str) -> None:
        """Record that `ref` holds a content: before another object takes its place, so that this is never unknown."""
        client("dynamodb").put_item(TableName=self._table, Item=_held_key(ref, studio, sha256) | _attributes(ref))

    @transient_errors()
    def has_held(self, ref: ObjectRef, *, studio: str, sha256: str) -> bool:
        """Return whether versions may have been made from `ref`: it holds a content, or did before another one."""
        if self.holder(studio=studio, sha256=sha256) == ref:
            return True
        key = _held_key(ref, studio, sha256)
        answer = client("dynamodb").get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return "Item" in answer and _ref(answer["Item"]) == ref

    @transient_errors()
    def add_twin(self, ref: ObjectRef, *, studio: str, sha256: str, delivery_id: str, version_id: str) -> None:
        """Record that a delivery brought the same content again, as `ref`."""
        client("dynamodb").put_item(
            TableName=self._table,
            Item=_key(studio, f"{sha256}#{version_id}") | _attributes(ref) | {"delivery_id": {"S": delivery_id}},
        )


def settle(
    store: ContentStore, file: StoredFile, *, bucket: str, studio: str, delivery_id: str, version_id: str
) -> ObjectRef:
    """Return the one object that holds the content of an accepted `file`, and mark the delivered one accordingly.

    The first object with a content is kept; each later one is recorded, and tagged to expire. Of two that arrive at
    once, one conditional write is first. The later one takes the first one's place where the first cannot serve: it
    is gone, or archived so that nobody can read it at once. The first one stays what it is, a source of earlier
    versions, also when a later manifest brings it again.

    Parameters
    ----------
    bucket
        The raw bucket.
    studio, delivery_id, version_id
        Who delivered the file, and when.

    Raises
    ------
    TransientError
        If S3 or DynamoDB is throttling or away.
    """
    delivered = ObjectRef(bucket=bucket, key=file.key, version_id=file.version_id)
    holder = store.keep(delivered, studio=studio, sha256=file.sha256, delivery_id=delivery_id)
    if holder != delivered and not readable(holder):
        store.remember(holder, studio=studio, sha256=file.sha256)
        holder = store.keep(delivered, studio=studio, sha256=file.sha256, delivery_id=delivery_id, instead_of=holder)
    if holder == delivered:
        tag(delivered, Disposition.ACCEPTED)
    else:
        store.add_twin(delivered, studio=studio, sha256=file.sha256, delivery_id=delivery_id, version_id=version_id)
        _let_expire(store, delivered, Disposition.DUPLICATE, studio=studio, sha256=file.sha256)
    return holder


def turn_away(store: ContentStore, files: Iterable[StoredFile], *, bucket: str, studio: str) -> None:
    """Mark the files of a rejected delivery, so that they expire; but none that an accepted delivery brought too."""
    for file in files:
        delivered = ObjectRef(bucket=bucket, key=file.key, version_id=file.version_id)
        _let_expire(store, delivered, Disposition.REJECTED, studio=studio, sha256=file.sha256)


def _let_expire(store: ContentStore, ref: ObjectRef, disposition: Disposition, *, studio: str, sha256: str) -> None:
    """Mark an object, so that it expires; but no source.

    It is looked up before, because an old source that is marked, if only for a moment, may expire at once; and after,
    because a corrected manifest beside the same file may have been accepted meanwhile, and its mark overwritten here.
    """
    if store.has_held(ref, studio=studio, sha256=sha256):
        return
    tag(ref, disposition)
    if store.has_held(ref, studio=studio, sha256=sha256):
        tag(ref, Disposition.ACCEPTED)


def _key(studio: str, sha256: str) -> Item:
    return {"pk": {"S": f"CONTENT#{studio}"}, "sk": {"S": sha256}}


def _held_key(ref: ObjectRef, studio: str, sha256: str) -> Item:
    # S3 gives a version id once; a key beside it could be longer than DynamoDB takes.
    return _key(studio, f"{sha256}#held#{ref.version_id or ''}")


def _attributes(ref: ObjectRef) -> Item:
    return {
        "object_bucket": {"S": ref.bucket},
        "object_key": {"S": ref.key},
        "object_version": {"S": ref.version_id or ""},
    }


def _ref(item: Item) -> ObjectRef:
    return ObjectRef(
        bucket=item["object_bucket"]["S"],
        key=item["object_key"]["S"],
        version_id=item["object_version"]["S"] or None,
    )
