"""API Gateway HTTP APIs: the CORS configuration's spelling."""

from typing import Any

from ministack.services import apigateway
from ministack.services.cloudformation import provisioners

from sandbox.extension.pinned import resource

Created = tuple[str, dict[str, Any]]


def apply() -> None:
    """Install the correction."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    stock_create, stock_update = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Created:
        api_id, attributes = stock_create(logical_id, properties, stack)
        _respell(api_id)
        return api_id, attributes

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str) -> Created:
        api_id, attributes = stock_update(physical_id, old, new, stack, logical_id)
        _respell(api_id)
        return api_id, attributes

    resource(
        "AWS::ApiGatewayV2::Api",
        create=create,
        update=update,
        delete=handlers["delete"],
        why="Stock stores the template's AllowOrigins but looks for allowOrigins",
    )


def _respell(api_id: str) -> None:
    api = apigateway._apis[api_id]
    cors = api.get("corsConfiguration")
    if cors:
        api["corsConfiguration"] = {key[:1].lower() + key[1:]: value for key, value in cors.items()}
