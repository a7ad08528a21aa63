"""The custom resource contract: CloudFormation waits for an answer, an hour if none comes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Literal

from lambdas.common.errors import TransientError
from lambdas.delivery.models import CustomResourceRequest

_PATIENCE_S = 10
_REASON_CHARS = 1000


def respond(
    request: CustomResourceRequest,
    *,
    status: Literal["SUCCESS", "FAILED"],
    physical_id: str,
    reason: str = "",
    data: Mapping[str, str] | None = None,
) -> None:
    """Tell CloudFormation how it went.

    Parameters
    ----------
    physical_id
        What was made. Another one than before makes CloudFormation delete the former after an update.
    data
        The attributes that ``Fn::GetAtt`` reads.

    Raises
    ------
    TransientError
        If the answer could not be delivered. Lambda runs the request again then.
    """
    body = json.dumps(
        {
            "Status": status,
            "Reason": reason[:_REASON_CHARS],
            "PhysicalResourceId": physical_id,
            "StackId": request.stack_id,
            "RequestId": request.request_id,
            "LogicalResourceId": request.logical_resource_id,
            "Data": dict(data or {}),
            # An attribute may be a token: CloudFormation does not show what is marked so.
            "NoEcho": True,
        }
    )
    # The URL is presigned for an empty content type; urllib would write one of its own.
    put = urllib.request.Request(  # noqa: S310 - http or https, as the model has checked
        request.response_url, data=body.encode(), method="PUT", headers={"content-type": ""}
    )
    try:
        urllib.request.urlopen(put, timeout=_PATIENCE_S).close()  # noqa: S310 - the same
    except OSError as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        # Without the URL: it is presigned, so whoever reads the log could answer for us.
        message = f"CloudFormation did not take the answer of {request.logical_resource_id}: {type(error).__name__}"
        raise TransientError(message) from error
