"""Transfer Family: servers and users from a template, and uploads that are real S3 writes.

Users are confined to their logical home directory by the emulator itself.
"""

import json
from typing import Any

from ministack import app
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import s3, transfer

from sandbox.extension.pinned import Emulated, accepted, patch, resource

Created = tuple[str, dict[str, Any]]
Properties = dict[str, Any]

_WHY = "Stock CloudFormation lacks it"


def apply() -> None:
    """Install the resource types and the corrections."""
    resource("AWS::Transfer::Server", create=_create_server, update=_update_server, delete=_delete_server, why=_WHY)
    resource("AWS::Transfer::User", create=_create_user, update=_update_user, delete=_delete_user, why=_WHY)
    patch(
        transfer,
        "_sftp_s3_put_object",
        _put_object,
        why="Stock writes past S3: no version, no event, no replication, no encryption",
    )
    patch(transfer, "_sftp_s3_delete_object", _delete_object, why="The same, for deletions")


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


def _update_user(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
    _delete_user(physical_id, old)
    return _create_user(logical_id, new, stack)


def _delete_user(_physical_id: str, properties: Properties) -> None:
    transfer._delete_user({"ServerId": properties["ServerId"], "UserName": properties["UserName"]})
