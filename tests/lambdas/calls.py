"""What the handlers ask AWS for while their tests run, by what IAM calls it.

No emulator refuses a call that a role does not allow. `docs/generated/grants.json` says what each function's role may
do, as the templates have it: a handler that asks for anything else fails the test in which it does.

What a request is about is told by the handler's own environment: the template says which resource a field names, and
so does the test. ``dynamodb:PutItem on sessions_table`` is one permission, and on another table another. Where a
resource comes from elsewhere, as a bucket that an event names, the action alone is compared.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from botocore import signers
from botocore.client import BaseClient

from lambdas.common.aws import client
from tests.lambdas.permissions import action_of, covered

_TESTS = Path(__file__).resolve().parent
_PROJECT = _TESTS.parents[1]
GRANTS = _PROJECT / "docs" / "generated" / "grants.json"

_RENAMED = {
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListParts": "s3:ListMultipartUploadParts",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "lambda:Invoke": "lambda:InvokeFunction",
}
"""Operations that IAM has another name for."""
_OF_A_VERSION = {
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
    "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
}
"""Actions that have another name where the request says which version of an object it is about."""

_NAMING = frozenset(
    {
        *("Bucket", "EventBusName", "FunctionName", "KeyId", "KvsARN", "QueueUrl", "SecretId", "TableName", "TopicArn"),
        *("UserPoolId", "jobQueue", "logGroupName", "stateMachineArn"),
    }
)
"""Parameters that say which resource a request is about, as far as a handler's environment can name it."""
_NAMELESS = {"kms:Decrypt"}
"""Actions whose requests name no resource: KMS knows the key by what it is to open."""

_WHERE_CONFIGURED = {
    (f"lambdas.playback.vendor_handlers.{name}", "secretsmanager:GetSecretValue")
    for name in ("vendor_license", "fairplay_certificate")
}
"""Granted where the settings name a secret of DRM vendors; no profile does (`stacks/constructs/vendor_licences.py`)."""


@cache
def grants() -> Mapping[str, frozenset[str]]:
    """What each handler's role may do."""
    return {
        handler: frozenset(action_of(one) if action_of(one) in _NAMELESS else one for one in access["may"])
        for handler, access in _accesses().items()
    }


@cache
def _accesses() -> Mapping[str, Mapping[str, list[str]]]:
    found: Mapping[str, Mapping[str, list[str]]] = json.loads(GRANTS.read_text())
    return found


def permissions(
    service: str, operation: str, parameters: Mapping[str, Any], *, known: Iterable[str] = ()
) -> Iterator[str]:
    """Yield the permissions that IAM asks a role for, of one request.

    Parameters
    ----------
    known
        Fields of the environment, by which the asker knows resources.
    """
    if service == "dynamodb" and operation.startswith("Transact"):
        for item in parameters["TransactItems"]:
            [(kind, of_one)] = item.items()
            action = f"dynamodb:{'ConditionCheckItem' if kind == 'ConditionCheck' else f'{kind}Item'}"
            yield from _each(action, of_one, known)
        return
    name = _RENAMED.get(f"{service}:{operation}", f"{service}:{operation}")
    if parameters.get("VersionId"):
        name = _OF_A_VERSION.get(name, name)
    yield from _each(name, parameters, known)


def _each(action: str, parameters: Mapping[str, Any], known: Iterable[str]) -> Iterator[str]:
    """Yield an action once for each resource that a request names; alone, if the environment names none of them."""
    index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
    named = set(_named(parameters))
    fields = [field for field in known if os.environ.get(field.upper()) in named]
    yield from (f"{action} on {field}{index}" for field in fields)
    if not fields:
        yield action


def _named(parameters: Any) -> Iterator[str]:
    """Yield the resources that the parameters name, wherever they stand."""
    for name, value in parameters.items() if isinstance(parameters, dict) else ():
        if name in _NAMING:
            yield value
        elif name == "RequestItems":
            yield from value
        for one in value if isinstance(value, list) else [value]:
            yield from _named(one)


class Recorder:
    """Sees every request that goes through botocore, or through a fake that is `watched`."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self.asked: set[tuple[str, str]] = set()
        """Each handler with each permission that it asked for, in whichever test."""

    def begin(self) -> None:
        """Forget what was seen: another test begins."""
        self._seen = set()

    def note(self, service: str, operation: str, parameters: Mapping[str, Any], *, ask: FrameType | None) -> None:
        """Note who asks for what: the handler that `ask` was called by, if any."""
        if handler := _handler(ask):
            known = _accesses()[handler]["knows"]
            found = {(handler, asked) for asked in permissions(service, operation, parameters, known=known)}
            self._seen |= found
            self.asked |= found

    def ungranted(self) -> list[tuple[str, str]]:
        """Return the handlers, and what they have asked for that their roles do not allow."""
        return sorted(
            (handler, asked)
            for handler, asked in self._seen - _WHERE_CONFIGURED
            if not covered(asked, grants()[handler])
        )


RECORDER = Recorder()


def asked(service: str, operation: str, **parameters: Any) -> None:
    """Note a request that the fake server which calls this got, and which no client of botocore sent."""
    RECORDER.note(service, operation, parameters, ask=sys._getframe(2))


def watched(service: str, fake: Any) -> Any:
    """Return a fake client whose calls are seen as those of a real one."""

    class Watched:
        def __getattr__(self, name: str) -> Any:
            method = getattr(fake, name)

            def call(*arguments: Any, **parameters: Any) -> Any:
                meta = client(service).meta
                # Of a paginator, the operation is its argument.
                named = name if name in meta.method_to_api_mapping else arguments[0]
                RECORDER.note(_name(meta), meta.method_to_api_mapping[named], parameters, ask=sys._getframe(1))
                return method(*arguments, **parameters)

            return call if callable(method) else method

    return Watched()


def watch() -> None:
    """See every request of this process from now on."""
    stock, stock_presign = BaseClient._make_api_call, signers.generate_presigned_url

    def call(self: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        RECORDER.note(_name(self.meta), operation, parameters, ask=sys._getframe(1))
        return stock(self, operation, parameters)

    def presign(self: BaseClient, ClientMethod: str, Params: dict[str, Any], **options: Any) -> Any:  # noqa: N803
        operation = self.meta.method_to_api_mapping[ClientMethod]
        RECORDER.note(_name(self.meta), operation, Params, ask=sys._getframe(1))
        return stock_presign(self, ClientMethod, Params, **options)

    BaseClient._make_api_call = call
    signers.generate_presigned_url = presign


def _name(meta: Any) -> str:
    """What IAM calls a service: the name that its requests are signed for."""
    return str(meta.service_model.signing_name)


def _handler(frame: FrameType | None) -> str | None:
    """Return the handler that a frame was called by; none, if a test stands between them and asks itself."""
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(str(_TESTS)):
            return None
        if path.startswith(str(_PROJECT / "lambdas")):
            module = ".".join(Path(path).relative_to(_PROJECT).with_suffix("").parts)
            if f"{module}.{frame.f_code.co_name}" in grants():
                return f"{module}.{frame.f_code.co_name}"
        frame = frame.f_back
    return None
