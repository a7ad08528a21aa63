"""Clients of AWS, one a service and process, and the translation of their errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004

from lambdas.common.errors import TransientError

_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
_SERVER_ERROR = 500
_TRANSIENT = {
    "InternalError",
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}


@cache
def client(service: str, *, region: str | None = None, patience_s: int | None = None) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return this process's client of an AWS service, made at the first call; by default in the process's own region.

    Timeouts are short, so that a hanging dependency costs a retry and not the function's whole time. With `patience_s`
    it asks once, and waits so long: for what must not be done twice at a time.
    """
    once = Config(connect_timeout=3, read_timeout=patience_s, retries={"mode": "standard", "total_max_attempts": 1})
    return boto3.client(service, region_name=region, config=once if patience_s else _CONFIG)


def s3_in(region: str | None) -> Any:  # noqa: ANN401 - the same
    """Return this process's client of S3 in a region; none is the process's own."""
    return client("s3", region=region) if region else client("s3")


@contextmanager
def transient_errors() -> Iterator[None]:
    """Turn what is worth another try (throttling, server errors, lost connections) into `TransientError`.

    A context manager, and a decorator as well. Every other error passes unchanged.
    """
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if error_code(error) in _TRANSIENT or status >= _SERVER_ERROR:
            raise TransientError(str(error)) from error
        raise
    except (ConnectionError, HTTPClientError) as error:
        raise TransientError(str(error)) from error


def condition_failed(error: ClientError) -> bool:
    """Whether a write to DynamoDB was refused by its own condition: somebody else was first."""
    return error_code(error) == "ConditionalCheckFailedException"


def error_code(error: ClientError) -> str:
    """Return the service's name of an error, for example ``NoSuchKey``."""
    return str(error.response.get("Error", {}).get("Code", ""))
