"""The entry point of delivery's one function: a custom resource of its stack."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.delivery import store
from lambdas.delivery.custom_resource import respond
from lambdas.delivery.models import CustomResourceRequest, EdgeKeysProperties

NEVER_MADE = "edge-keys-never-made"


@entry_point
def publish_edge_keys(event: Payload, context: LambdaContext) -> None:
    """Carry the token key to the edge when the stack is deployed, and take it away when it is destroyed.

    Parameters
    ----------
    event
        CloudFormation's request; its ``ResourceProperties`` are `EdgeKeysProperties`. The resource's
        attribute ``ImportArn`` is the ARN of the object that the key value store imports.
    """
    request = parse(CustomResourceRequest, event)
    try:
        physical_id, data = _carry_out(request)
    except Exception as error:  # noqa: BLE001 - unanswered, CloudFormation would wait for an hour
        logger.exception("edge keys failed", extra={"request_type": request.request_type})
        respond(
            request,
            status="FAILED",
            physical_id=request.physical_resource_id or NEVER_MADE,
            reason=f"{type(error).__name__}: {error} (log stream {context.log_stream_name})",
        )
        return
    respond(request, status="SUCCESS", physical_id=physical_id, data=data)
    logger.info("edge keys", extra={"request_type": request.request_type, "object": physical_id})


def _carry_out(request: CustomResourceRequest) -> tuple[str, dict[str, str]]:
    """Do what is asked; return the physical id and the attributes."""
    if request.request_type == "Delete":
        # What failed to be made is deleted too, perhaps because these very properties were wrong.
        if request.physical_resource_id not in {None, NEVER_MADE}:
            store.withdraw(parse(EdgeKeysProperties, request.resource_properties))
        return request.physical_resource_id or NEVER_MADE, {}
    properties = parse(EdgeKeysProperties, request.resource_properties)
    store.publish(properties)
    return properties.object_arn, {"ImportArn": properties.object_arn}
