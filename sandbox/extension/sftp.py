"""Transfer Family: servers and users, from a template or made later, and uploads that are real S3 writes.

Users are confined to their logical home directory by the emulator itself. Their session policies are kept and told,
and refused where Transfer would refuse them; the emulator does not evaluate them.
"""

import json
from http import HTTPStatus
from typing import Any

from ministack import app
from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
    request_scope,
)
from ministack.services import s3, transfer

from lambdas.ingestion.sftp_access import LONGEST_POLICY
from sandbox.extension.pinned import Emulated, accepted, patch, resource

Created = tuple[str, dict[str, Any]]
Properties = dict[str, Any]

_WHY = "Stock CloudFormation lacks it"
_UPDATED = ("HomeDirectory", "HomeDirectoryMappings", "HomeDirectoryType", "Policy", "Role")


def apply() -> None:
    """Install the resource types and the corrections."""
    resource("AWS::Transfer::Server", create=_create_server, update=_update_server, delete=_delete_server, why=_WHY)
    resource("AWS::Transfer::User", create=_create_user, update=_replace_user, delete=_delete_user, why=_WHY)
    patch(
        transfer,
        "_sftp_s3_put_object",
        _put_object,
        why="Stock writes past S3: no version, no event, no replication, no encryption",
    )
    patch(transfer, "_sftp_s3_delete_object", _delete_object, why="The same, for deletions")
    global _stock_create_user, _stock_describe_user, _stock_handle_request  # noqa: PLW0603 - what patch() returns
    _stock_create_user = patch(transfer, "_create_user", _create_api_user, why="Stock drops a user's session policy")
    _stock_describe_user = patch(transfer, "_describe_user", _describe_user, why="The same, when it is asked for")
    _stock_handle_request = patch(transfer, "handle_request", _handle_request, why="Stock lacks UpdateUser")


def _put_object(account: str, bucket: str, key: str, body: bytes) -> None:
    if transfer._sftp_s3_bucket(account, bucket) is None:
        raise FileNotFoundError(f"bucket {bucket} not found")
    with request_scope(account, get_region()):
        answer = s3._put_object(bucket, key, body, {})
    try:
        accepted(answer, what=f"The upload of {key}")
    except ValueError as error:
        raise transfer.asyncssh.SFTPFailure(str(error)) from error


def _delete_object(account: str, bucket: str, key: str) -> bool:
    if transfer._sftp_s3_get_object(account, bucket, key) is None:
        return False
    with request_scope(account, get_region()):
        s3._delete_object(bucket, key)
    return True


_stock_create_user: Emulated = None
_stock_describe_user: Emulated = None
_stock_handle_request: Emulated = None


def _create_api_user(request: Properties) -> Emulated:
    refusal = _refusal(request)
    if refusal:
        return refusal
    answer = _stock_create_user(request)
    if answer[0] == HTTPStatus.OK and request.get("Policy"):
        _user(request)["Policy"] = request["Policy"]
    return answer


def _describe_user(request: Properties) -> Emulated:
    answer = _stock_describe_user(request)
    if answer[0] != HTTPStatus.OK or "Policy" not in _user(request):
        return answer
    told = json.loads(answer[2])
    told["User"]["Policy"] = _user(request)["Policy"]
    return json_response(told)


def _update_user(request: Properties) -> Emulated:
    if transfer._user_key(request["ServerId"], request["UserName"]) not in transfer._users:
        message = f"Unknown user: {request['UserName']}"
        return error_response_json("ResourceNotFoundException", message, HTTPStatus.NOT_FOUND)
    refusal = _refusal(request)
    if refusal:
        return refusal
    _user(request).update({name: request[name] for name in _UPDATED if name in request})
    return json_response({"ServerId": request["ServerId"], "UserName": request["UserName"]})


async def _handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query_params: Properties
) -> Emulated:
    if headers.get("x-amz-target", "").endswith(".UpdateUser"):
        return _update_user(json.loads(body))
    return await _stock_handle_request(method, path, headers, body, query_params)


def _refusal(request: Properties) -> Emulated | None:
    """Return Transfer's refusal of a session policy that it would not take."""
    policy = request.get("Policy") or "{}"
    try:
        json.loads(policy)
    except ValueError:
        return error_response_json("InvalidRequestException", "The policy is not JSON", HTTPStatus.BAD_REQUEST)
    if len(policy) > LONGEST_POLICY:
        message = f"The policy is longer than {LONGEST_POLICY} characters"
        return error_response_json("InvalidRequestException", message, HTTPStatus.BAD_REQUEST)
    return None


def _user(request: Properties) -> Properties:
    user: Properties = transfer._users[transfer._user_key(request["ServerId"], request["UserName"])]
    return user


def _call(action: str, request: Properties) -> Properties:
    """Run an action of the Transfer API from the worker thread that provisions the resource."""
    headers = {"x-amz-target": f"TransferService.{action}"}

    async def handle(*arguments: Emulated) -> Emulated:
        with request_scope(account, region):
            return await transfer.handle_request(*arguments)

    account, region = get_account_id(), get_region()
    body = json.dumps(request).encode()
    answer = app.call_service_handler_sync(handle, "POST", "/", headers, body, {})
    content: Properties = json.loads(accepted(answer, what=f"Transfer {action}") or b"{}")
    return content


def _server_of(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def _server_attributes(server_id: str) -> Created:
    arn = transfer._servers[server_id]["Arn"]
    return arn, {"Arn": arn, "ServerId": server_id, "State": "ONLINE"}


def _create_server(_logical_id: str, properties: Properties, _stack: str) -> Created:
    server_id = _call("CreateServer", properties)["ServerId"]
    if transfer._sftp_shared_acceptor is None:
        transfer._servers.pop(server_id, None)
        raise ValueError(
            f"The SFTP listener did not start on port {transfer._shared_port()}: "
            "install asyncssh (requirements-sandbox.txt), or free the port"
        )
    return _server_attributes(server_id)


def _update_server(physical_id: str, _old: Properties, new: Properties, _stack: str, _logical_id: str) -> Created:
    server_id = _server_of(physical_id)
    transfer._servers[server_id] |= {key: new[key] for key in ("Protocols", "Tags") if key in new}
    return _server_attributes(server_id)


def _delete_server(physical_id: str, _: Properties) -> None:
    if _server_of(physical_id) in transfer._servers:
        _call("DeleteServer", {"ServerId": _server_of(physical_id)})


def _create_user(_logical_id: str, properties: Properties, _stack: str) -> Created:
    server_id, name = properties["ServerId"], properties["UserName"]
    request = {key: value for key, value in properties.items() if key not in {"SshPublicKeys", "PosixProfile"}}
    request["HomeDirectoryMappings"] = [
        {**mapping, "Target": mapping["Target"].replace("${transfer:UserName}", name)}
        for mapping in properties.get("HomeDirectoryMappings") or []
    ]
    accepted(transfer._create_user(request), what=f"AWS::Transfer::User {name}")
    for key in properties.get("SshPublicKeys") or []:
        imported = {"ServerId": server_id, "UserName": name, "SshPublicKeyBody": key}
        accepted(transfer._import_ssh_public_key(imported), what=f"AWS::Transfer::User {name}: a key")
    arn = transfer._user_arn(server_id, name)
    return arn, {"Arn": arn, "ServerId": server_id, "UserName": name}


def _replace_user(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
    _delete_user(physical_id, old)
    return _create_user(logical_id, new, stack)


def _delete_user(_physical_id: str, properties: Properties) -> None:
    transfer._delete_user({"ServerId": properties["ServerId"], "UserName": properties["UserName"]})
