"""The functions by which viewers look after their account: who watches, which devices it has, and signing them out."""

from __future__ import annotations

from http import HTTPStatus

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.aws import client, transient_errors
from lambdas.common.clock import now
from lambdas.common.errors import TransientError
from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.identity import signed_in
from lambdas.common.problem import Answer, json_answer, problem_documents
from lambdas.common.rate_limiting import rate_limited
from lambdas.playback.account_security import check_sign_in, overview
from lambdas.playback.account_security import sign_out_all as without_any
from lambdas.playback.account_security import sign_out_device as without_device
from lambdas.playback.answers import ListedProfiles
from lambdas.playback.environment import (
    DevicesEnvironment,
    ProfilesEnvironment,
    SignOutDeviceEnvironment,
    SignOutEnvironment,
)
from lambdas.playback.store import AccountTable, LeaseTable, SecurityTable

_TRIES = 8


@entry_point
@rate_limited
@problem_documents
def list_profiles(event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/account/profiles``: who watches on the account, beside its holder. One read."""
    table = AccountTable(ProfilesEnvironment.load().accounts_table)
    account = table.get(signed_in(event).viewer_id)
    return json_answer(ListedProfiles(profiles=account.profiles if account else ()))


@entry_point
@rate_limited
@problem_documents
def list_devices(event: Payload, _context: LambdaContext) -> Answer:
    """``GET /api/account/devices``: the account's devices, how it stands, and why."""
    environment = DevicesEnvironment.load()
    viewer = signed_in(event)
    security = SecurityTable(environment.security_table).get(viewer.viewer_id)
    check_sign_in(security, signed_in_at=viewer.signed_in_at)
    return json_answer(overview(security, now=_at()))


@entry_point
@rate_limited
@problem_documents
def sign_out_device(event: Payload, _context: LambdaContext) -> Answer:
    """``DELETE /api/account/devices/{device_id}``: its sessions end, and new ones need a new sign-in."""
    environment = SignOutDeviceEnvironment.load()
    viewer, device_id = signed_in(event), event["pathParameters"]["device_id"]
    table = SecurityTable(environment.security_table)
    known = table.get(viewer.viewer_id)
    check_sign_in(known, signed_in_at=viewer.signed_in_at)
    try:
        _kept(table.put_over(known, without_device(known, device_id, now=_at())))
    finally:
        # After that none begins any more. Also if it was signed out before: that request may not have come so far.
        LeaseTable(environment.leases_table).release_all(viewer.viewer_id, device_id=device_id)
    return {"statusCode": int(HTTPStatus.NO_CONTENT)}


@entry_point
@problem_documents
def sign_out_everywhere(event: Payload, _context: LambdaContext) -> Answer:
    """``DELETE /api/account/devices``: every session ends; nothing plays or is renewed without a new sign-in.

    Also for a sign-in that it has ended before: a request that was lost halfway is repeated with the same token.
    """
    environment = SignOutEnvironment.load()
    viewer, table = signed_in(event), SecurityTable(environment.security_table)
    # Whoever begins sessions meanwhile must not keep the owner from it.
    _kept(any(_signed_out(table, viewer.viewer_id) for _ in range(_TRIES)))
    LeaseTable(environment.leases_table).release_all(viewer.viewer_id)
    with transient_errors():
        client("cognito-idp").admin_user_global_sign_out(UserPoolId=environment.user_pool_id, Username=viewer.username)
    logger.info("signed out everywhere")
    return {"statusCode": int(HTTPStatus.NO_CONTENT)}


def _signed_out(table: SecurityTable, viewer_id: str) -> bool:
    known = table.get(viewer_id)
    return table.put_over(known, without_any(known, now=_at()))


def _at() -> int:
    return int(now().timestamp())


def _kept(kept: bool) -> None:  # noqa: FBT001 - the store's own answer
    if not kept:
        raise TransientError("a session began meanwhile")
