"""What CloudFormation says to the custom resources of delivery."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal


class _Message(BaseModel):
    """CloudFormation writes names in its own case, and sends more than is read here."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_pascal)


class EdgeKeysProperties(_Message):
    """The properties of ``Custom::EdgeKeys``."""

    secret_arn: Annotated[str, Field(pattern=r"^arn:[^:]+:secretsmanager:[^:]+:")]
    bucket: Annotated[str, Field(min_length=3)]
    key: Annotated[str, Field(min_length=1, description="where in the bucket the key value store imports from")]

    @property
    def secret_region(self) -> str:
        """The secret's region: the function runs in CloudFront's, which may be another."""
        return self.secret_arn.split(":")[3]

    @property
    def object_arn(self) -> str:
        """The object's ARN, as the key value store's ``ImportSource`` wants it."""
        return f"arn:aws:s3:::{self.bucket}/{self.key}"


class SignInProperties(_Message):
    """The properties of ``Custom::SignIn``; what else is declared of the client is there to tell of its changes."""

    user_pool_id: Annotated[str, Field(pattern=r"^[a-z0-9-]+_[0-9A-Za-z]+$")]
    client_id: Annotated[str, Field(min_length=1)]
    address: Annotated[str, Field(pattern=r"^https://[^/]+/$", description="where the page is")]

    @property
    def region(self) -> str:
        """The pool's region: the function runs in CloudFront's, which may be another."""
        return self.user_pool_id.split("_", maxsplit=1)[0]


class CustomResourceRequest(_Message):
    """A request; its properties are looked at only when they are needed."""

    request_type: Literal["Create", "Update", "Delete"]
    response_url: Annotated[str, Field(alias="ResponseURL", pattern=r"^https?://")]
    stack_id: str
    request_id: str
    logical_resource_id: str
    physical_resource_id: str | None = None
    resource_properties: dict[str, object] = {}
