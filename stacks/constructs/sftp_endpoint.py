"""A managed SFTP server on which each studio sees its own prefix of a bucket, and nothing else."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_transfer as transfer
from constructs import Construct

from stacks.constructs.context_stack import ContextStack
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.settings import Studio


class SftpEndpoint(Construct):
    """A Transfer Family server: keys only, current ciphers only, one confined user a studio.

    A user is confined three times: its logical home directory hides the rest of the bucket, its role reaches
    only its prefix, and the server logs what it does.
    """

    def __init__(
        self, stack: ContextStack, construct_id: str, *, bucket: MediaBucket, studios: tuple[Studio, ...]
    ) -> None:
        super().__init__(stack, construct_id)
        log_group = stack.log_group("Log", scope=self)
        self.server = transfer.CfnServer(
            self,
            "Server",
            protocols=["SFTP"],
            identity_provider_type="SERVICE_MANAGED",
            endpoint_type="PUBLIC",
            domain="S3",
            security_policy_name="TransferSecurityPolicy-2025-03",
            structured_log_destinations=[log_group.log_group_arn],
        )
        for studio in studios:
            self._user(studio, bucket)
        CfnOutput(stack, "SftpServerId", value=self.server.attr_server_id)

    def _user(self, studio: Studio, bucket: MediaBucket) -> None:
        role = iam.Role(
            self,
            f"{studio.name}Role",
            assumed_by=iam.ServicePrincipal(
                "transfer.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
            ),
            description=f"What {studio.name} may do by SFTP.",
        )
        grant_objects(bucket, role, Access.REPLACE, prefix=f"{studio.name}/")
        transfer.CfnUser(
            self,
            f"{studio.name}User",
            server_id=self.server.attr_server_id,
            user_name=studio.name,
            role=role.role_arn,
            home_directory_type="LOGICAL",
            home_directory_mappings=[
                transfer.CfnUser.HomeDirectoryMapEntryProperty(entry="/", target=f"/{bucket.bucket_name}/{studio.name}")
            ],
            ssh_public_keys=list(studio.ssh_public_keys),
        )
