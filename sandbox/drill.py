"""The restore drill: a published title is damaged on purpose in its primary region, brought back, and timed.

It works on whatever is deployed, and destroys versions of objects; so it refuses to on anything but the embedded
cloud, unless it is told that it may. It damages nothing that the replica region does not hold.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from pydantic import TypeAdapter

from lambdas.common.keys import ART_PREFIX, PublishedVersion
from lambdas.common.media import ObjectRef
from lambdas.storage.models import Checksum, ReplicaPair, SourceRecord
from lambdas.storage.recovery import Entry, Good, Remedy, is_good, plan
from sandbox.deployed import Deployed

_DAMAGES = ("deleted", "overwritten", "destroyed")
_GARBAGE = b"not what it was"
_LARGEST_COPY = 5 * 2**30
"""What S3 copies in one request."""
_ALGORITHMS = ("CRC64NVME", "SHA256", "CRC32C", "SHA1", "CRC32")


class DrillError(RuntimeError):
    """The drill cannot be held, or what it brought back is not what it was."""


@dataclass(frozen=True, kw_only=True)
class Drilled:
    """What a drill showed.

    Attributes
    ----------
    seconds
        From the first look at the damage until every object was verified: the recovery time.
    damages, remedies
        How many objects suffered, and were brought back by, what.
    """

    title_id: str
    version_id: str
    objects: int
    size_bytes: int
    seconds: float
    damages: Mapping[str, int]
    remedies: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class _Bucket:
    """One bucket, and the objects of the title in it."""

    name: str
    replica: str
    primary: Any
    other: Any
    keys: tuple[str, ...]
    destroyable: bool
    good: dict[str, Good] = field(default_factory=dict)


class RestoreDrill:
    """Damages, recovers and verifies one title.

    Parameters
    ----------
    platform
        Where it is deployed.
    on_a_real_account
        Whether it may work on AWS itself.
    seed
        Which object suffers what: the same seed gives the same damage.

    Raises
    ------
    DrillError
        If `platform` is a real account, and it may not.
    """

    def __init__(self, platform: Deployed, *, on_a_real_account: bool = False, seed: int = 0) -> None:
        if platform.endpoint is None and not on_a_real_account:
            raise DrillError(
                "the drill destroys objects, and this is a real account: try it on the embedded cloud (`marquee up`), "
                "or say --damage-a-real-account"
            )
        self._platform = platform
        self._draw = random.Random(seed)  # noqa: S311 - a drill has to be repeatable, not secret

    def run(self, title_id: str, *, tell: Callable[[str], None]) -> Drilled:
        """Damage `title_id`, bring it back, verify it.

        Raises
        ------
        DrillError
            If the title is not published or not replicated, or does not come back.
        """
        version_id = self._published(title_id)
        buckets = self._buckets(title_id, version_id)
        tell("look at the replicas")
        for bucket in buckets:
            bucket.good.update(_good_of(bucket))
        tell("damage")
        damages = Counter(damage for bucket in buckets for damage in self._damage(bucket))
        started = time.monotonic()
        try:
            tell("recover")
            remedies = Counter(remedy.value for bucket in buckets for remedy in _recover(bucket))
            tell("verify")
            for bucket in buckets:
                _verify(bucket)
        except ClientError as error:
            raise DrillError(f"{error}. Whatever is not recovered yet still lies in the replica region") from error
        good = [found for bucket in buckets for found in bucket.good.values()]
        return Drilled(
            title_id=title_id,
            version_id=version_id,
            objects=len(good),
            size_bytes=sum(found.size_bytes for found in good),
            seconds=time.monotonic() - started,
            damages=dict(damages),
            remedies=dict(remedies),
        )

    def _published(self, title_id: str) -> str:
        table = self._platform.output("playback", "PlayableTable")
        found = self._platform.client("dynamodb").get_item(
            TableName=table, Key={"title_id": {"S": title_id}}, ConsistentRead=True
        )
        if "Item" not in found:
            raise DrillError(f"there is no published title {title_id!r}: `marquee titles` lists them")
        return str(found["Item"]["version_id"]["S"])

    def _buckets(self, title_id: str, version_id: str) -> tuple[_Bucket, ...]:
        pairs = TypeAdapter(tuple[ReplicaPair, ...]).validate_json(
            self._platform.output("storage-recovery", "ReplicaPairs")
        )
        sources = self._sources(title_id, version_id)
        raw = self._platform.output("ingestion", "RawBucket")
        found = []
        for pair in {pair.bucket: pair for pair in pairs}.values():
            primary = self._s3(pair.region)
            if pair.bucket == raw:
                keys = tuple(dict.fromkeys(ref.key for ref in sources))
            else:
                keys = _media_keys(primary, pair.bucket, PublishedVersion(title_id, version_id))
            found.append(
                _Bucket(
                    name=pair.bucket,
                    replica=pair.replica,
                    primary=primary,
                    other=self._s3(pair.replica_region),
                    keys=keys,
                    # A source is referred to by its version, which only this region's history or S3's own batch
                    # replication brings back under the same id.
                    destroyable=pair.bucket != raw,
                )
            )
        if not all(bucket.keys for bucket in found):
            raise DrillError(f"{title_id} has no objects in one of {', '.join(bucket.name for bucket in found)}")
        return tuple(found)

    def _sources(self, title_id: str, version_id: str) -> tuple[ObjectRef, ...]:
        answer = self._platform.client("dynamodb").get_item(
            TableName=self._platform.output("storage-recovery", "SourcesTable"),
            Key={"pk": {"S": f"TITLE#{title_id}"}, "sk": {"S": f"VERSION#{version_id}"}},
            ConsistentRead=True,
        )
        if "Item" not in answer:
            raise DrillError(
                f"storage knows no source of {title_id} {version_id}: was it ingested before recovery was?"
            )
        record = SourceRecord.model_validate_json(answer["Item"]["record"]["S"])
        return tuple(source.ref for source in record.objects)

    def _s3(self, region: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        return self._platform.session.client("s3", region_name=region, endpoint_url=self._platform.endpoint)

    def _damage(self, bucket: _Bucket) -> list[str]:
        """Let every object suffer something; return what."""
        kinds = _DAMAGES if bucket.destroyable else _DAMAGES[:2]
        # Each kind at least once, where there are enough objects.
        wanted = [kinds[index % len(kinds)] for index in range(len(bucket.keys))]
        self._draw.shuffle(wanted)
        for key, kind in zip(bucket.keys, wanted, strict=True):
            match kind:
                case "deleted":
                    bucket.primary.delete_object(Bucket=bucket.name, Key=key)
                case "overwritten":
                    bucket.primary.put_object(Bucket=bucket.name, Key=key, Body=_GARBAGE)
                case _:
                    for entry in _histories(bucket.primary, bucket.name, key).get(key, ()):
                        bucket.primary.delete_object(Bucket=bucket.name, Key=key, VersionId=entry.version_id)
        return wanted


def _media_keys(client: Any, bucket: str, version: PublishedVersion) -> tuple[str, ...]:  # noqa: ANN401
    keys: list[str] = []
    for prefix in (version.prefix, f"{ART_PREFIX}{version.prefix}"):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys += [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return tuple(keys)


def _good_of(bucket: _Bucket) -> dict[str, Good]:
    """Return what the replica holds of each object, having made sure that it is what lies here."""
    good = {}
    for key in bucket.keys:
        ours = bucket.primary.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
        try:
            theirs = bucket.other.head_object(
                Bucket=bucket.replica, Key=key, VersionId=ours["VersionId"], ChecksumMode="ENABLED"
            )
        except bucket.other.exceptions.ClientError as error:
            raise DrillError(
                f"s3://{bucket.replica}/{key} does not hold version {ours['VersionId']} of s3://{bucket.name}: nothing "
                "was damaged; look at the replication first"
            ) from error
        good[key] = Good(version_id=theirs["VersionId"], size_bytes=theirs["ContentLength"], checksum=_checksum(theirs))
        if not is_good(good[key], size_bytes=ours["ContentLength"], checksum=_checksum(ours)):
            raise DrillError(f"s3://{bucket.name}/{key} and its replica differ already: nothing was damaged")
    return good


def _histories(client: Any, bucket: str, prefix: str) -> dict[str, tuple[Entry, ...]]:  # noqa: ANN401
    """Return, by key, the versions and markers below `prefix`, the newest first."""
    found: dict[str, list[tuple[bool, Any, Entry]]] = {}
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for kind in ("Versions", "DeleteMarkers"):
            for entry in page.get(kind, []):
                described = Entry(version_id=entry["VersionId"], delete_marker=kind == "DeleteMarkers")
                found.setdefault(entry["Key"], []).append((entry["IsLatest"], entry["LastModified"], described))
    return {
        key: tuple(described for _, _, described in sorted(entries, key=lambda entry: entry[:2], reverse=True))
        for key, entries in found.items()
    }


def _recover(bucket: _Bucket) -> list[Remedy]:
    """Bring every object of the bucket back; return by what."""
    histories: dict[str, tuple[Entry, ...]] = {}
    for prefix in sorted({key.rsplit("/", 1)[0] + "/" for key in bucket.keys}):
        histories |= _histories(bucket.primary, bucket.name, prefix)
    remedies = plan(bucket.good, histories=histories)
    for key, remedy in remedies.items():
        version = bucket.good[key].version_id
        match remedy:
            case Remedy.UNDELETE:
                for entry in histories[key]:
                    if not entry.delete_marker:
                        break
                    bucket.primary.delete_object(Bucket=bucket.name, Key=key, VersionId=entry.version_id)
            case Remedy.PUT_BACK:
                _copy(bucket, key, version=version, source=bucket.name, reader=bucket.primary)
            case Remedy.COPY:
                _copy(bucket, key, version=version, source=bucket.replica, reader=bucket.other)
            case Remedy.NONE:
                pass
    return list(remedies.values())


def _copy(bucket: _Bucket, key: str, *, version: str, source: str, reader: Any) -> None:  # noqa: ANN401
    """Copy a version on top of its key, with its metadata, tags and content type."""
    which = {"Bucket": source, "Key": key, "VersionId": version}
    if bucket.good[key].size_bytes <= _LARGEST_COPY:
        bucket.primary.copy_object(Bucket=bucket.name, Key=key, CopySource=which)
        return
    # A copy in parts takes over nothing but the bytes.
    head = reader.head_object(**which)
    kept = {name: head[name] for name in ("CacheControl", "ContentType", "Metadata") if name in head}
    tags = reader.get_object_tagging(**which)["TagSet"]
    bucket.primary.copy(which, bucket.name, key, SourceClient=reader, ExtraArgs=kept)
    bucket.primary.put_object_tagging(Bucket=bucket.name, Key=key, Tagging={"TagSet": tags})


def _verify(bucket: _Bucket) -> None:
    for key, good in bucket.good.items():
        head = bucket.primary.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
        if not is_good(good, size_bytes=head["ContentLength"], checksum=_checksum(head)):
            raise DrillError(f"s3://{bucket.name}/{key} was brought back, and is not what it was")


def _checksum(head: Mapping[str, Any]) -> Checksum | None:
    for algorithm in _ALGORITHMS:
        if value := head.get(f"Checksum{algorithm}"):
            return Checksum(algorithm=algorithm, value=value, whole=head.get("ChecksumType") != "COMPOSITE")
    return None
