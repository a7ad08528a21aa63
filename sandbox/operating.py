"""What an operator calls: named functions of the platform, with the operator's own credentials."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.deployed import Deployed


class OperationError(RuntimeError):
    """A function refused what it was asked; `name` is the class of its error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


def operate(platform: Deployed, payload: Mapping[str, object], *, context: str, output: str) -> dict[str, Any]:
    """Call the function that the stack of `context` names in `output`, and return its answer.

    Raises
    ------
    OperationError
        If the function raised an error.
    NotDeployedError
        If the stack is not deployed, or has no such output.
    """
    name = platform.output(context, output)
    answer = platform.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload).encode())
    body: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise OperationError(str(body.get("errorType", "Error")), str(body.get("errorMessage", "it did not say why")))
    return body


def caller(platform: Deployed) -> str:
    """Return the ARN of whose credentials these are: what an audit trail names."""
    return str(platform.client("sts").get_caller_identity()["Arn"])
