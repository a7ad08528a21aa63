"""What a task knows of the machine that it runs on: for the lease, and for the bill."""

from __future__ import annotations

import os
import random
import time
import urllib.request
from http.client import HTTPException
from urllib.error import HTTPError

from encoder.errors import MachineUnknownError
from lambdas.encoding.claims import Worker

_METADATA = "http://169.254.169.254/latest"
_PATIENCE_S = 2.0
_ASKED, _FIRST_PAUSE_S = 5, 0.5
_EC2 = "ec2"


def this_worker() -> Worker:
    """Return the worker that AWS Batch's and the job definition's variables describe.

    ``ENCODER_CAPACITY`` is ``ec2``, where the machine is asked for its family, or what is billed otherwise, for example
    ``fargate-arm``; ``ENCODER_SPOT_ENVIRONMENT`` is the compute environment whose capacity is spot, by name or ARN.

    Raises
    ------
    MachineUnknownError
        If the machine does not say its family, however often it is asked.
    """
    environment = os.environ
    billed = environment["ENCODER_CAPACITY"]
    if billed == _EC2:
        billed = _instance_type().partition(".")[0]
    # Batch and CloudFormation give the name, or the ARN, which ends with the name.
    placed = _name(environment.get("AWS_BATCH_CE_NAME", ""))
    spot = placed == _name(environment["ENCODER_SPOT_ENVIRONMENT"])
    return Worker(
        batch_job=environment["AWS_BATCH_JOB_ID"],
        batch_attempt=int(environment["AWS_BATCH_JOB_ATTEMPT"]),
        vcpus=float(environment["ENCODER_VCPUS"]),
        memory_mib=int(environment["ENCODER_MEMORY_MIB"]),
        capacity=f"{billed}-spot" if spot else billed,
    )


def _name(environment: str) -> str:
    return environment.rpartition("/")[2]


def _instance_type() -> str:
    token = _ask("api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    return _ask("meta-data/instance-type", method="GET", headers={"X-aws-ec2-metadata-token": token})


def _ask(path: str, *, method: str, headers: dict[str, str]) -> str:
    """Ask the instance metadata service, which limits how often all of a machine's jobs together may ask."""
    request = urllib.request.Request(f"{_METADATA}/{path}", method=method, headers=headers)  # noqa: S310 - http, by name
    for attempt in range(_ASKED):
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:  # noqa: S310
                return str(answer.read().decode())
        except (OSError, HTTPException) as error:
            if isinstance(error, HTTPError):
                error.close()
            if attempt == _ASKED - 1:
                message = f"the metadata service did not answer {method} {path}, asked {_ASKED} times: {error}"
                raise MachineUnknownError(message) from error
        time.sleep(random.uniform(0, _FIRST_PAUSE_S * 2**attempt))  # noqa: S311 - jitter
    raise AssertionError  # every try of the loop returns, raises or is followed by another
