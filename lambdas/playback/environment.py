"""The environment of each playback function, field by field."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lambdas.common.environment import Environment, json_of
from lambdas.playback.accounts import Plans
from lambdas.playback.pathways import Pathways


class KeyServiceEnvironment(Environment):
    """Of `issue_keys`: makes a title's content keys, wrapped by KMS."""

    content_keys_table: str
    wrapping_key_id: str


class SpekeEnvironment(KeyServiceEnvironment):
    """Of `speke_keys`: gives packagers their keys; revoked certificates get none."""

    revocations_table: str


class PlayableEnvironment(Environment):
    """Of `on_title_published`: keeps playback's own picture of what can be played."""

    playable_table: str


class AccountEnvironment(Environment):
    """Of `account`."""

    accounts_table: str
    plans: Annotated[str, json_of(Plans)]

    @property
    def all_plans(self) -> Plans:
        """The plans, parsed."""
        return Plans.model_validate_json(self.plans)


class PathwaysEnvironment(Environment):
    """Of functions that name the ways to the segments."""

    pathways: Annotated[str, json_of(Pathways)]

    @property
    def all_pathways(self) -> Pathways:
        """The pathways, parsed."""
        return Pathways.model_validate_json(self.pathways)


class SteeringEnvironment(PathwaysEnvironment):
    """Of `steer`."""

    steering_ttl_s: Annotated[int, Field(ge=5, le=3600)]


class SessionEnvironment(AccountEnvironment, PathwaysEnvironment):
    """Of `create_session`."""

    sessions_table: str
    leases_table: str
    playable_table: str
    progress_table: str
    security_table: str
    edge_secret_arn: str
    session_secret_arn: str
    session_ttl_s: Annotated[int, Field(ge=60, le=86_400)]
    revocations_table: str
    lease_s: Annotated[int, Field(ge=10, description="how long a place is kept without a heartbeat")]
    heartbeat_s: Annotated[int, Field(ge=5)]
    vendor_licences: bool = Field(default=False, description="whether there is a vendor of licences")


class HeartbeatEnvironment(Environment):
    """Of `heartbeat`."""

    leases_table: str
    revocations_table: str
    lease_s: Annotated[int, Field(ge=10)]


class EndEnvironment(Environment):
    """Of `end_session`."""

    leases_table: str


class RunningEnvironment(Environment):
    """Of functions that only serve sessions that run."""

    sessions_table: str
    leases_table: str
    revocations_table: str


class ManifestEnvironment(RunningEnvironment, PathwaysEnvironment):
    """Of `get_manifest`."""

    playable_table: str
    edge_secret_arn: str
    media_bucket: str


class LicenseEnvironment(RunningEnvironment):
    """Of `license`: the ClearKey licence service."""

    playable_table: str
    content_keys_table: str


class VendorEnvironment(RunningEnvironment):
    """Of `vendor_license` and `fairplay_certificate`: licences that a vendor makes."""

    vendors_secret_arn: str = Field(default="", description="empty: there is no vendor")


class RevokeEnvironment(Environment):
    """Of `revoke`, which operators call."""

    sessions_table: str
    leases_table: str
    revocations_table: str
    edge_function_arn: str


class ProgressEnvironment(AccountEnvironment):
    """Of `progress` and `continue_watching`."""

    progress_table: str
    playable_table: str


class ReplicationEnvironment(Environment):
    """Of `merge_progress`."""

    progress_table: str


class ProfilesEnvironment(Environment):
    """Of `list_profiles`."""

    accounts_table: str


class DevicesEnvironment(Environment):
    """Of `list_devices`."""

    security_table: str


class SignOutDeviceEnvironment(DevicesEnvironment):
    """Of `sign_out_device`."""

    leases_table: str


class SignOutEnvironment(SignOutDeviceEnvironment):
    """Of `sign_out_everywhere`."""

    user_pool_id: str


class TelemetryEnvironment(Environment):
    """Of `telemetry`."""

    session_secret_arn: str
