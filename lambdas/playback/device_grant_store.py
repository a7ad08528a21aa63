"""Where grants of devices are kept, and how an approved one becomes tokens.

======================================= ==================================================
code_id                                 item
======================================= ==================================================
the hash of a user code                 a `DeviceGrant`
``attempts:{viewer_id}:{window}``       how many codes a viewer has entered, in ``entered``
======================================= ==================================================

Every step of a grant is one conditional write of one item.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from lambdas.common.attributes import from_dynamodb, to_dynamodb
from lambdas.common.aws import client, condition_failed, transient_errors
from lambdas.common.errors import ForbiddenError, NotFoundError
from lambdas.playback import device_grant
from lambdas.playback.device_grant import DeviceCode, DeviceGrant, OAuthError, Status, TokenResponse

_WAITS = "attribute_exists(code_id) AND expires_at > :now"


class DeviceGrants:
    """The table of grants. Every method raises `TransientError` if DynamoDB is throttling or away."""

    def __init__(self, name: str) -> None:
        self._name = name

    @transient_errors()
    def add(self, grant: DeviceGrant, *, now: int) -> bool:
        """Keep a new grant; say whether its user code was free."""
        try:
            client("dynamodb").put_item(
                TableName=self._name,
                Item=to_dynamodb(grant.model_dump(mode="json", exclude_none=True)),
                ConditionExpression="attribute_not_exists(code_id) OR expires_at <= :now",
                ExpressionAttributeValues=to_dynamodb({":now": now}),
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    def poll(self, device_code: DeviceCode, *, now: int) -> DeviceGrant:
        """Note that the device has asked, and return its grant.

        Raises
        ------
        OAuthError
            If the grant is unknown or over, or the device asks too often.
        """
        won, grant = self._update(
            device_code.code_id,
            change={"polled_at": now},
            condition=f"{_WAITS} AND secret_hash = :secret_hash AND polled_at <= :before",
            values={
                ":now": now,
                ":secret_hash": device_code.secret_hash,
                ":before": now - device_grant.INTERVAL_S,
            },
        )
        if not won or grant is None:
            raise device_grant.refusal(grant, device_code=device_code, now=now)
        return grant

    @transient_errors()
    def find(self, user_code: str, *, now: int) -> DeviceGrant:
        """Return the grant that waits for a viewer's decision under a user code.

        Raises
        ------
        NotFoundError
            If there is none. One that is over or decided looks the same.
        """
        key = to_dynamodb({"code_id": device_grant.code_id(user_code)})
        answer = client("dynamodb").get_item(TableName=self._name, Key=key, ConsistentRead=True)
        grant = _grant(answer.get("Item"))
        if grant is None or grant.status is not Status.PENDING or grant.expires_at <= now:
            raise _no_device()
        return grant

    def decide(self, user_code: str, *, status: Status, username: str, now: int) -> DeviceGrant:
        """Let the device in that waits under a user code, or refuse it; of two decisions the first counts.

        Raises
        ------
        NotFoundError
            As `find`.
        """
        won, grant = self._update(
            device_grant.code_id(user_code),
            change={"status": status, "username": username},
            condition=f"{_WAITS} AND #status = :pending",
            values={":now": now, ":pending": Status.PENDING},
        )
        if not won or grant is None:
            raise _no_device()
        return grant

    def redeem(self, device_code: DeviceCode, *, username: str, now: int) -> bool:
        """Use an approved grant up; say whether it was there, approved by this viewer and not used before."""
        won, _ = self._update(
            device_code.code_id,
            change={"status": Status.REDEEMED},
            condition=f"{_WAITS} AND #status = :approved AND secret_hash = :secret_hash AND username = :username",
            values={
                ":now": now,
                ":approved": Status.APPROVED,
                ":secret_hash": device_code.secret_hash,
                ":username": username,
            },
        )
        return won

    @transient_errors()
    def count_attempt(self, viewer_id: str, *, now: int) -> None:
        """Count that a viewer has entered a code.

        Raises
        ------
        ForbiddenError
            If they were too many.
        """
        key, ends_at = device_grant.attempts_key(viewer_id, now=now)
        try:
            client("dynamodb").update_item(
                TableName=self._name,
                Key=to_dynamodb({"code_id": key}),
                UpdateExpression="ADD entered :one SET expires_at = :ends_at",
                ConditionExpression="attribute_not_exists(entered) OR entered < :most",
                ExpressionAttributeValues=to_dynamodb(
                    {":one": 1, ":most": device_grant.MAX_ATTEMPTS, ":ends_at": ends_at}
                ),
            )
        except ClientError as error:
            if condition_failed(error):
                message = f"too many codes were entered: try again in {ends_at - now} seconds"
                raise ForbiddenError(message) from error
            raise

    @transient_errors()
    def _update(
        self, key: str, *, change: Mapping[str, object], condition: str, values: Mapping[str, object]
    ) -> tuple[bool, DeviceGrant | None]:
        """Change a grant if `condition` lets it; return whether it did, and the grant as it is now."""
        names = {f"#{name}": name for name in change}
        if "#status" in condition:
            names["#status"] = "status"
        try:
            answer = client("dynamodb").update_item(
                TableName=self._name,
                Key=to_dynamodb({"code_id": key}),
                UpdateExpression="SET " + ", ".join(f"#{name} = :new_{name}" for name in change),
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=to_dynamodb(
                    {**values, **{f":new_{name}": value for name, value in change.items()}}
                ),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if condition_failed(error):
                return False, _grant(error.response.get("Item"))
            raise
        return True, _grant(answer["Attributes"])


class ViewerTokens:
    """Cognito, as it gives a device tokens of its own: its own refresh token, which can be revoked alone."""

    def __init__(self, *, client_id: str) -> None:
        self._client_id = client_id

    @transient_errors()
    def for_code(self, device_code: DeviceCode, *, username: str) -> TokenResponse:
        """Return the token response for an approved device code. Cognito asks our trigger whether it is good.

        Raises
        ------
        OAuthError
            If it is not, or not any more.
        """
        cognito = client("cognito-idp")
        try:
            begun = cognito.initiate_auth(
                ClientId=self._client_id, AuthFlow="CUSTOM_AUTH", AuthParameters={"USERNAME": username}
            )
            given = cognito.respond_to_auth_challenge(
                ClientId=self._client_id,
                ChallengeName="CUSTOM_CHALLENGE",
                Session=begun["Session"],
                ChallengeResponses={"USERNAME": username, "ANSWER": str(device_code)},
            )
        except cognito.exceptions.NotAuthorizedException as error:
            raise _refused("the code was used already, or the account is closed") from error
        if "AuthenticationResult" not in given:
            raise _refused("the account asks for another step, which a device without a keyboard cannot take")
        return _response(given["AuthenticationResult"])

    @transient_errors()
    def for_refresh_token(self, refresh_token: str) -> TokenResponse:
        """Return the token response of a renewal.

        Raises
        ------
        OAuthError
            If the sign-in has ended: the device has to ask for a code again.
        """
        cognito = client("cognito-idp")
        try:
            given = cognito.get_tokens_from_refresh_token(RefreshToken=refresh_token, ClientId=self._client_id)
        except (
            cognito.exceptions.NotAuthorizedException,
            cognito.exceptions.RefreshTokenReuseException,
            cognito.exceptions.InvalidParameterException,
            cognito.exceptions.UserNotFoundException,
        ) as error:
            raise _refused("the sign-in has ended") from error
        return _response(given["AuthenticationResult"], refresh_token=refresh_token)


@cache
def page_address(*, user_pool_id: str, client_id: str) -> str:
    """Return where the page is: the page's client knows it, which is told by the delivery stack."""
    with transient_errors():
        answer = client("cognito-idp").describe_user_pool_client(UserPoolId=user_pool_id, ClientId=client_id)
    return str(answer["UserPoolClient"]["DefaultRedirectURI"])


def _response(result: Mapping[str, Any], *, refresh_token: str = "") -> TokenResponse:
    return TokenResponse(
        access_token=result["AccessToken"],
        id_token=result["IdToken"],
        refresh_token=result.get("RefreshToken", refresh_token),
        expires_in=result["ExpiresIn"],
    )


def _refused(description: str) -> OAuthError:
    return OAuthError("invalid_grant", description)


def _no_device() -> NotFoundError:
    return NotFoundError("no device waits with this code: look at its screen, and enter the code that is there now")


def _grant(item: Mapping[str, Any] | None) -> DeviceGrant | None:
    return DeviceGrant.model_validate(from_dynamodb(item)) if item else None
