"""The records of the farm's jobs, in DynamoDB: one item a job, its version's together."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from lambdas.common.aws import client, condition_failed, transient_errors
from lambdas.common.errors import NotFoundError, TransientError
from lambdas.encoding.claims import JobRecord

_ATTEMPTS = 8
_LONGEST_PAUSE_S = 0.2
Change = Callable[[JobRecord], JobRecord]


class JobStore:
    """The records in one table, by ``version_id`` and ``job``.

    A record is changed by reading it, and writing it back if nobody wrote it meanwhile: its ``revision`` says so.
    Every method raises `TransientError` if DynamoDB is throttling or away.
    """

    def __init__(self, table: str, *, dynamodb: Any | None = None) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
        self._table = table
        self._given = dynamodb

    @property
    def _dynamodb(self) -> Any:  # noqa: ANN401 - the same
        return self._given or client("dynamodb")

    @transient_errors()
    def plan(self, version_id: str, job: str) -> None:
        """Note a job that is to be done; one that is known stays as it is."""
        record = JobRecord(version_id=version_id, job=job)
        self._put(record, revision=0)

    @transient_errors()
    def get(self, version_id: str, job: str) -> JobRecord | None:
        """Return the record of a job, as it is now."""
        found = self._read(version_id, job)
        return found and found[0]

    @transient_errors()
    def of_version(self, version_id: str) -> tuple[JobRecord, ...]:
        """Return the records of all jobs of a version, by their ids."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="version_id = :version",
            ExpressionAttributeValues={":version": {"S": version_id}},
        )
        return tuple(_record(item) for page in pages for item in page["Items"])

    @transient_errors()
    def change(self, version_id: str, job: str, change: Change) -> JobRecord:
        """Apply `change` to the record of a job as it is now; return what it is then.

        What `change` raises leaves the record as it was.

        Raises
        ------
        NotFoundError
            If no such job is known.
        TransientError
            If others keep changing it.
        """
        refused = None
        for _ in range(_ATTEMPTS):
            found = self._read(version_id, job)
            if found is None:
                raise NotFoundError(f"version {version_id} has no job {job}")
            record, revision = found
            # boto sends a write again whose answer was lost, and it is refused for what it wrote itself.
            if found == refused:
                return record
            changed = change(record)
            if changed == record or self._put(changed, revision=revision):
                return changed
            refused = (changed, revision + 1)
            time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311 - jitter
        raise TransientError(f"others keep changing {job} of {version_id}: try again")

    def _read(self, version_id: str, job: str) -> tuple[JobRecord, int] | None:
        answer = self._dynamodb.get_item(
            TableName=self._table,
            Key={"version_id": {"S": version_id}, "job": {"S": job}},
            ConsistentRead=True,
        )
        item = answer.get("Item")
        return (_record(item), int(item["revision"]["N"])) if item else None

    def _put(self, record: JobRecord, *, revision: int) -> bool:
        """Write `record` if the stored one is still of `revision`, 0 being none; say whether it was."""
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item={
                    "version_id": {"S": record.version_id},
                    "job": {"S": record.job},
                    "state": {"S": record.state.value},
                    "record": {"S": record.model_dump_json()},
                    "revision": {"N": str(revision + 1)},
                },
                ConditionExpression="revision = :revision" if revision else "attribute_not_exists(version_id)",
                **({"ExpressionAttributeValues": {":revision": {"N": str(revision)}}} if revision else {}),
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True


def _record(item: dict[str, dict[str, Any]]) -> JobRecord:
    return JobRecord.model_validate_json(item["record"]["S"])
