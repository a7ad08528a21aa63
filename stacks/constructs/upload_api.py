"""The upload API: studios send files of any size straight to S3, in parts whose URLs they are given."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from lambdas.ingestion.upload_environment import PlanEnvironment, PresignEnvironment, UploadEnvironment
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.studio_api import StudioApi

_HANDLERS = "lambdas.ingestion.upload_handlers"
_UPLOADS = "/api/ingest/uploads"
_UPLOAD = f"{_UPLOADS}/{{upload_id}}"
_API_PATIENCE_S = 29
"""An HTTP API waits for 30 s."""


class UploadApi(Construct):
    """Declares one function a route, each with no more than its route needs.

    A URL can do what its signer may; so the signer may send objects, and nothing else.

    Parameters
    ----------
    api
        Who may ask.
    raw
        Where deliveries lie.
    """

    def __init__(self, stack: ContextStack, construct_id: str, *, api: StudioApi, raw: MediaBucket) -> None:
        super().__init__(stack, construct_id)
        self._stack, self._api, self._raw = stack, api, raw
        settings = stack.settings.ingestion
        plan = PlanEnvironment(raw_bucket=raw.bucket_name, part_bytes=settings.part_mib * 1024**2)
        here = UploadEnvironment(raw_bucket=raw.bucket_name)
        urls = PresignEnvironment(raw_bucket=raw.bucket_name, url_seconds=settings.url_minutes * 60)
        self._route("POST", _UPLOADS, "create_upload", plan, Access.SEND)
        finding = self._route("GET", _UPLOADS, "find_uploads", plan, Access.READ)
        finding.execution_role.add_to_principal_policy(
            iam.PolicyStatement(actions=["s3:ListBucketMultipartUploads"], resources=[raw.known_arn])
        )
        self._route("POST", f"{_UPLOAD}/parts", "presign_parts", urls, Access.SEND)
        self._route("GET", f"{_UPLOAD}/parts", "list_parts", here, Access.LIST_PARTS)
        completing = (Access.SEND, Access.LIST_PARTS, Access.READ)
        self._route("POST", f"{_UPLOAD}/complete", "complete_upload", here, *completing, timeout_s=_API_PATIENCE_S)
        self._route("DELETE", _UPLOAD, "abort_upload", here, Access.ABORT)

    def _route(
        self,
        method: str,
        path: str,
        handler: str,
        environment: UploadEnvironment,
        *access: Access,
        timeout_s: int | None = None,
    ) -> ServiceFunction:
        function = ServiceFunction(
            self._stack,
            "".join(word.title() for word in handler.split("_")),
            handler=f"{_HANDLERS}.{handler}",
            environment=environment,
            description=f"{method} {path}",
            timeout=Duration.seconds(timeout_s) if timeout_s else None,
        )
        for kind in access:
            grant_objects(self._raw, function.execution_role, kind)
        self._api.route(apigateway.HttpMethod(method), path, function)
        return function
