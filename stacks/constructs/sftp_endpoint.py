"""A managed SFTP server on which each studio sees its own prefix of a bucket, and nothing else."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_transfer as transfer
from constructs import Construct

from lambdas.ingestion.sftp_access import home_directory, session_policy
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.settings import Studio


class SftpEndpoint(Construct):
    """A Transfer Family server: keys only, current ciphers only, one confined user a studio.

    A user is confined twice: its logical home directory hides the rest of the bucket, and its session policy allows
    nothing of it. The role is one for all, so that ``marquee studio add`` makes a user and no role. The server logs
    what every user does.
    """

    def __init__(
        self, stack: ContextStack, construct_id: str, *, bucket: MediaBucket, studios: tuple[Studio, ...]
    ) -> None:
        super().__init__(stack, construct_id)
        assert bucket.encryption_key is not None, f"{bucket.node.path} has no key of its own"  # noqa: S101 - wiring
        self._bucket, self._key_arn = bucket, bucket.encryption_key.key_arn
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
        self._role = self._role_of_all(stack)
        for studio in studios:
            self._user(studio)
        # What `marquee studio add` makes a user of.
        CfnOutput(stack, "SftpServerId", value=self.server.attr_server_id)
        CfnOutput(stack, "SftpRoleArn", value=self._role.role_arn)
        CfnOutput(stack, "SftpBucket", value=bucket.known_name)
        CfnOutput(stack, "SftpKeyArn", value=self._key_arn)

    def _role_of_all(self, stack: ContextStack) -> iam.Role:
        users = f"arn:aws:transfer:{stack.region}:{stack.account}:user/{self.server.attr_server_id}/*"
        role = iam.Role(
            self,
            "StudioRole",
            assumed_by=iam.ServicePrincipal(
                "transfer.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": users},
                },
            ),
            description="What studios may do by SFTP, each narrowed to its own prefix by its session policy.",
        )
        grant_objects(self._bucket, role, Access.REPLACE)
        return role

    def _user(self, studio: Studio) -> None:
        policy = session_policy(
            studio=studio.name,
            bucket=self._bucket.known_name,
            key_arn=self._key_arn,
            region=Stack.of(self._bucket).region,
        )
        home = home_directory(studio=studio.name, bucket=self._bucket.known_name)
        transfer.CfnUser(
            self,
            f"{studio.name}User",
            server_id=self.server.attr_server_id,
            user_name=studio.name,
            role=self._role.role_arn,
            policy=Stack.of(self).to_json_string(policy),
            home_directory_type="LOGICAL",
            home_directory_mappings=[
                transfer.CfnUser.HomeDirectoryMapEntryProperty(entry=home["Entry"], target=home["Target"])
            ],
            ssh_public_keys=list(studio.ssh_public_keys),
        )
