"""Where the farm's mode is kept: every change of it in a table, and the present one in AppConfig, for the planner.

The table is the record, and AppConfig hands it out: a change is written to the table first, and what AppConfig has not
taken is handed to it again until it has.

============ ====================== =======================================
farm         revision               item
============ ====================== =======================================
``encoding`` ``{revision:08d}``     a `FarmMode`, in ``mode``; never changed
============ ====================== =======================================
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.common.aws import client, condition_failed, error_code, transient_errors
from lambdas.common.errors import InvalidInputError, TransientError
from lambdas.common.parsing import parse_json
from lambdas.encoding.farm_mode import FarmMode

_FARM = "encoding"
_NORMAL = "normal"
_IN_SERVICE = frozenset({"VALIDATING", "DEPLOYING", "BAKING", "COMPLETE"})
_PAGE = 50
_HURRIED = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
"""A plan is made with or without an answer: it must come before the planner's own time is over."""


class ModeUnknownError(TransientError):
    """AppConfig did not say which mode it is."""


class ModeTrail:
    """Every change of the mode, in one DynamoDB table.

    Every method raises `TransientError` if DynamoDB is throttling or away.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    def last(self) -> FarmMode:
        """Return the mode that was set last; the normal one, if none ever was."""
        return next(iter(self.changes(most=1)), FarmMode())

    @transient_errors()
    def changes(self, *, most: int) -> tuple[FarmMode, ...]:
        """Return at most so many changes, the newest first."""
        answer = client("dynamodb").query(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="farm = :farm",
            ExpressionAttributeValues={":farm": {"S": _FARM}},
            ScanIndexForward=False,
            Limit=most,
        )
        return tuple(FarmMode.model_validate_json(item["mode"]["S"]) for item in answer["Items"])

    @transient_errors()
    def append(self, mode: FarmMode) -> None:
        """Write a change, which nothing changes afterwards.

        Raises
        ------
        TransientError
            If somebody else wrote a change of this revision: read again, and decide again.
        """
        key = {"farm": {"S": _FARM}, "revision": {"S": f"{mode.revision:08d}"}}
        try:
            client("dynamodb").put_item(
                TableName=self._table,
                Item=key | {"mode": {"S": mode.model_dump_json()}},
                ConditionExpression="attribute_not_exists(farm)",
            )
        except ClientError as error:
            if condition_failed(error):
                raise TransientError("somebody else changed the farm's mode just now: try again") from error
            raise


class ModeConfiguration:
    """The mode as AppConfig has it.

    The normal mode is the version that the stack made. Each degraded mode is a version of its own, and taken away when
    it is over: AppConfig deletes no profile, and so no stack, that has versions which the stack does not know.

    Parameters
    ----------
    application, environment, profile, strategy
        AppConfig's ids.
    normal_version
        The number of the stack's own version.
    """

    def __init__(self, *, application: str, environment: str, profile: str, strategy: str, normal_version: str) -> None:
        self._profile = {"ApplicationId": application, "ConfigurationProfileId": profile}
        self._environment = {"ApplicationId": application, "EnvironmentId": environment}
        self._strategy, self._normal_version = strategy, normal_version

    @transient_errors()
    def hand_out(self, mode: FarmMode) -> bool:
        """Hand `mode` out, unless that is done or under way; return whether anything had to be done.

        Raises
        ------
        TransientError
            If another one is just being handed out: try again.
        """
        service = client("appconfig")
        deployments = service.list_deployments(**self._environment, MaxResults=_PAGE)["Items"]
        newest = max(deployments, key=lambda deployment: deployment["DeploymentNumber"], default=None)
        if newest and newest["State"] in _IN_SERVICE and self._is(newest, mode):
            return False
        try:
            service.start_deployment(
                **self._environment,
                ConfigurationProfileId=self._profile["ConfigurationProfileId"],
                DeploymentStrategyId=self._strategy,
                ConfigurationVersion=self._version_of(mode),
                Description=f"Revision {mode.revision}",
            )
        except ClientError as error:
            if error_code(error) == "ConflictException":
                raise TransientError("another mode is just being handed out: it is tried again") from error
            raise
        return True

    @transient_errors()
    def forget_others(self, mode: FarmMode) -> None:
        """Delete the versions of degraded modes that are over, which `mode` is not."""
        service = client("appconfig")
        for version in service.list_hosted_configuration_versions(**self._profile, MaxResults=_PAGE)["Items"]:
            number, label = version["VersionNumber"], version.get("VersionLabel", "")
            # One that is newer than `mode` was made by somebody who knew better, and is about to be handed out.
            if str(number) != self._normal_version and _revision(label) < mode.revision:
                service.delete_hosted_configuration_version(**self._profile, VersionNumber=number)

    def _is(self, deployment: dict[str, Any], mode: FarmMode) -> bool:
        if not mode.degraded:
            return str(deployment["ConfigurationVersion"]) == self._normal_version
        return bool(deployment.get("VersionLabel") == _label(mode))

    def _version_of(self, mode: FarmMode) -> str:
        if not mode.degraded:
            return self._normal_version
        service = client("appconfig")
        known = service.list_hosted_configuration_versions(**self._profile, MaxResults=_PAGE)["Items"]
        made = next((version for version in known if version.get("VersionLabel") == _label(mode)), None)
        if made is None:
            made = service.create_hosted_configuration_version(
                **self._profile,
                Content=mode.model_dump_json().encode(),
                ContentType="application/json",
                VersionLabel=_label(mode),
            )
        return str(made["VersionNumber"])


def mode_in_appconfig(*, application: str, environment: str, profile: str) -> FarmMode:
    """Return the mode that AppConfig hands out.

    Raises
    ------
    ModeUnknownError
        If it does not, or hands out something else; within 5 seconds.
    """
    try:
        session = _data().start_configuration_session(
            ApplicationIdentifier=application,
            EnvironmentIdentifier=environment,
            ConfigurationProfileIdentifier=profile,
        )
        answer = _data().get_latest_configuration(ConfigurationToken=session["InitialConfigurationToken"])
        return parse_json(FarmMode, answer["Configuration"].read())
    except (ClientError, BotoCoreError, InvalidInputError) as error:
        raise ModeUnknownError(f"{type(error).__name__}: {error}") from error


@cache
def _data() -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    return boto3.client("appconfigdata", config=_HURRIED)


def _label(mode: FarmMode) -> str:
    return f"degraded-{mode.revision}" if mode.degraded else _NORMAL


def _revision(label: str) -> int:
    number = label.removeprefix("degraded-")
    return int(number) if number.isdecimal() else 0


def initial_content() -> str:
    """Return the document that the stack deploys: the normal mode, which nobody has set."""
    return FarmMode().model_dump_json()


def schema() -> str:
    """Return the JSON schema of the document, in the dialect that AppConfig reads."""
    return json.dumps({"$schema": "http://json-schema.org/draft-04/schema#", **FarmMode.model_json_schema()})
