"""The entry points of delivery's functions: the custom resources of its stack."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common.handling import Payload, entry_point, logger
from lambdas.common.parsing import parse
from lambdas.delivery import store
from lambdas.delivery.custom_resource import respond
from lambdas.delivery.models import CustomResourceRequest, EdgeKeysProperties, SignInProperties
from lambdas.delivery.sign_in import admitting, admitting_nobody
from lambdas.playback.signals import origin_token

NEVER_MADE = "never-made"


@entry_point
def publish_edge_keys(event: Payload, context: LambdaContext) -> None:
    """Carry the token key to the edge when the stack is deployed, and take it away when it is destroyed.

    Parameters
    ----------
    event
        CloudFormation's request; its ``ResourceProperties`` are `EdgeKeysProperties`. The resource's
        attribute ``ImportArn`` is the ARN of the object that the key value store imports, and ``OriginToken`` what
        CloudFront says to the API to be believed.
    """
    _answer(event, context, what="edge keys", carry_out=_carry_keys)


@entry_point
def admit_page(event: Payload, context: LambdaContext) -> None:
    """Let viewers sign in at the page when the stack is deployed, and no more when it is destroyed.

    The client is another stack's, which is deployed before the page has an address. Its whole configuration is read
    and written back: an update of a client forgets what it does not say.

    Parameters
    ----------
    event
        CloudFormation's request; its ``ResourceProperties`` are `SignInProperties`.
    """
    _answer(event, context, what="sign-in", carry_out=_admit)


def _answer(
    event: Payload,
    context: LambdaContext,
    *,
    what: str,
    carry_out: Callable[[CustomResourceRequest], tuple[str, dict[str, str]]],
) -> None:
    """Carry a request out, and tell CloudFormation the physical id and the attributes, or what went wrong."""
    request = parse(CustomResourceRequest, event)
    try:
        physical_id, data = carry_out(request)
    except Exception as error:  # noqa: BLE001 - unanswered, CloudFormation would wait for an hour
        logger.exception(f"{what} failed", extra={"request_type": request.request_type})
        respond(
            request,
            status="FAILED",
            physical_id=request.physical_resource_id or NEVER_MADE,
            reason=f"{type(error).__name__}: {error} (log stream {context.log_stream_name})",
        )
        return
    respond(request, status="SUCCESS", physical_id=physical_id, data=data)
    logger.info(what, extra={"request_type": request.request_type, "made": physical_id})


def _carry_keys(request: CustomResourceRequest) -> tuple[str, dict[str, str]]:
    if request.request_type == "Delete":
        # What failed to be made is deleted too, perhaps because these very properties were wrong.
        if request.physical_resource_id not in {None, NEVER_MADE}:
            store.withdraw(parse(EdgeKeysProperties, request.resource_properties))
        return request.physical_resource_id or NEVER_MADE, {}
    properties = parse(EdgeKeysProperties, request.resource_properties)
    key = store.publish(properties)
    return properties.object_arn, {"ImportArn": properties.object_arn, "OriginToken": origin_token(key)}


def _admit(request: CustomResourceRequest) -> tuple[str, dict[str, str]]:
    if request.request_type == "Delete" and request.physical_resource_id in {None, NEVER_MADE}:
        return NEVER_MADE, {}
    properties = parse(SignInProperties, request.resource_properties)
    if request.request_type == "Delete":
        store.change_client(properties, admitting_nobody, missing_ok=True)
    else:
        store.change_client(properties, partial(admitting, addresses=(properties.address,)))
    # Of one client, whatever its page's address: a new address changes what was made, and makes nothing else.
    return f"sign-in-{properties.client_id}", {}
