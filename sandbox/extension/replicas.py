"""S3 replication as AWS does it: a replica keeps its source's version id, follows its tags, and has its own key."""

from collections.abc import Iterator
from typing import Any, Final

from ministack.services import s3

from sandbox.extension.pinned import Emulated, patch

_KEY_HEADER: Final = "x-amz-server-side-encryption-aws-kms-key-id"
_ENCRYPTION_HEADER: Final = "x-amz-server-side-encryption"


def apply() -> None:
    """Install the corrections."""
    _keep_version_ids()
    _encrypt_with_the_other_key()
    _follow_tags()


def _keep_version_ids() -> None:
    """The emulator writes the replica first, and gives each an id of its own: the source takes its replica's."""

    def record(bucket: str, key: str, prior: Emulated, stored: dict[str, Any], data: Emulated) -> str | None:
        version = stock(bucket, key, prior, stored, data)
        pointer = stored.get("_replica") if s3._bucket_replication.get(bucket) else None
        if not version or not pointer or not pointer[1]:
            return version if version is None else str(version)
        shared = str(pointer[1])
        s3._object_versions[bucket, key][-1]["version_id"] = stored["version_id"] = shared
        return shared

    stock = patch(
        s3,
        "_record_object_version",
        record,
        why="On AWS a replica has the version id of its source; stock draws another",
    )


def _encrypt_with_the_other_key() -> None:
    def replicate(bucket: str, key: str, stored: dict[str, Any], *arguments: Emulated) -> None:
        stock(bucket, key, stored, *arguments)
        if pointer := stored.get("_replica"):
            for rule in _rules(bucket):
                asked = rule.get("Destination", {}).get("EncryptionConfiguration", {}).get("ReplicaKmsKeyID")
                if asked and _destination(rule) == pointer[0]:
                    copy = s3._buckets[pointer[0]]["objects"][key]
                    # The version shares its headers with the object.
                    copy["preserved_headers"] |= {_ENCRYPTION_HEADER: "aws:kms", _KEY_HEADER: asked}

    stock = patch(
        s3, "_maybe_replicate", replicate, why="Stock leaves a replica encrypted with the key of its source's region"
    )


def _follow_tags() -> None:
    def put_tags(bucket: str, key: str, body: bytes, query: Emulated = None) -> Emulated:
        answer = stock(bucket, key, body, query)
        version = answer[1].get("x-amz-version-id")
        if version:
            tags = s3._object_tags[bucket, key, version]
            for rule in _rules(bucket):
                other = _destination(rule)
                if any(kept["version_id"] == version for kept in s3._object_versions.get((other, key), [])):
                    s3._object_tags[other, key, version] = dict(tags)
        return answer

    stock = patch(
        s3, "_put_object_tagging", put_tags, why="On AWS a replica follows the tags that its source is given later"
    )


def _rules(bucket: str) -> Iterator[dict[str, Any]]:
    yield from (s3._bucket_replication.get(bucket) or {}).get("Rules", [])


def _destination(rule: dict[str, Any]) -> str:
    return str(rule["Destination"]["Bucket"]).split(":::")[-1]
