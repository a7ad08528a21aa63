"""A deployed platform, as its stacks' outputs describe it: the same in the embedded cloud and in an account."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

_PATIENCE_S = 180
"""A function that an operator calls may take two minutes; asked again meanwhile, it would do everything twice."""


class NotDeployedError(RuntimeError):
    """A stack that is needed is not deployed, or lacks an output."""


@dataclass(frozen=True)
class Deployed:
    """One profile of the platform, deployed.

    Parameters
    ----------
    session
        Who asks; its region is the profile's primary one.
    profile
        Which profile.
    endpoint
        The embedded cloud's URL; without one, AWS itself.
    """

    session: boto3.session.Session
    profile: str = "sandbox"
    endpoint: str | None = None
    namespace: str = "marquee"
    region: str | None = None
    """Another region than the session's."""

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return a client of an AWS service."""
        return self.session.client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            config=Config(read_timeout=_PATIENCE_S, retries={"mode": "standard", "max_attempts": 5}),
        )

    @cached_property
    def _outputs(self) -> dict[str, dict[str, str]]:
        prefix = f"{self.namespace}-{self.profile}-"
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        return {
            stack["StackName"].removeprefix(prefix): {
                output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])
            }
            for page in pages
            for stack in page["Stacks"]
            if stack["StackName"].startswith(prefix)
        }

    def has_output(self, context: str, key: str) -> bool:
        """Return whether the stack of `context` is deployed and has the output `key`."""
        return key in self._outputs.get(context, {})

    def output(self, context: str, key: str) -> str:
        """Return the output `key` of the stack of `context`.

        Raises
        ------
        NotDeployedError
            If the stack is not deployed or has no such output.
        """
        try:
            return self._outputs[context][key]
        except KeyError:
            raise NotDeployedError(
                f"the stack {self.namespace}-{self.profile}-{context} has no output {key}: deploy it first, "
                "for example with `marquee up`"
            ) from None
