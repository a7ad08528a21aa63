"""The platform: every stack of one profile, wired; and the policy packs it has to satisfy."""

from __future__ import annotations

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    Stack,
    Stage,
    Validations,
)
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from cdk_nag import AwsSolutionsChecks, NagPack, NIST80053R5Checks, ServerlessChecks
from constructs import Construct

from stacks.catalog import CatalogStack
from stacks.constructs.acknowledgement import acknowledge
from stacks.delivery import DeliveryStack
from stacks.encoding import EncodingStack
from stacks.governance import GovernanceStack
from stacks.ingest_region import IngestEndpointStack, IngestRegionStack
from stacks.ingestion import IngestionStack
from stacks.limits import LimitsStack
from stacks.playback import PlaybackStack
from stacks.recovery import RecoveryStack
from stacks.settings import Settings
from stacks.storage import StorageReplicaStack, StorageStack

ANSWERED_OTHERWISE = {
    "NIST.800.53.R5-IAMNoInlinePolicy": "Every role has one purpose and one user; its policy lives and dies with it. "
    "See docs/decisions/0009-policy-gate.md.",
    "NIST.800.53.R5-LambdaInsideVPC": "Functions that count requests stand in one, to reach the cache; others reach "
    "AWS APIs only, by IAM, and a VPC would add NAT and no wall. See docs/decisions/0009-policy-gate.md.",
    "NIST.800.53.R5-LambdaConcurrency": "The API's throttle and the queues bound concurrency; a reservation a function "
    "would take it from the others. See docs/decisions/0009-policy-gate.md.",
}
"""The NIST rules that the design answers otherwise as a whole, and how."""


class Marquee(Stage):
    """One profile of the platform. A stack is given the objects that it needs, never their names."""

    def __init__(self, scope: Construct, *, settings: Settings) -> None:
        super().__init__(scope, settings.profile)
        if settings.production:
            for rule, reason in ANSWERED_OTHERWISE.items():
                acknowledge(self, reason=reason, rules=(rule,))
        self.settings = settings
        self.governance = GovernanceStack(self, settings=settings)
        data_key, bus, alarms = self.governance.data_key, self.governance.bus, self.governance.alarm_topic
        self.storage_replicas = [
            StorageReplicaStack(self, settings=settings, region=region, data_key=data_key)
            for region in settings.storage.replica_regions
        ]
        self.storage = StorageStack(self, settings=settings, data_key=data_key, alarms=alarms)
        for replica in self.storage_replicas:
            self.storage.add_stack_dependency(replica, reason="replication needs its destinations")
        self.limits = (
            LimitsStack(self, settings=settings, flow_logs=self.storage.access_logs, alarms=alarms)
            if settings.rate_limits.valkey
            else None
        )
        self.catalog = CatalogStack(
            self,
            settings=settings,
            media=self.storage.media,
            data_key=data_key,
            bus=bus,
            limits=self.limits,
            alarms=alarms,
        )
        self.playback = PlaybackStack(
            self,
            settings=settings,
            media=self.storage.media,
            data_key=data_key,
            bus=bus,
            list_titles=self.catalog.list_titles,
            limits=self.limits,
            alarms=alarms,
        )
        self.encoding = EncodingStack(
            self,
            settings=settings,
            raw=self.storage.raw,
            mezzanine=self.storage.mezzanine,
            media=self.storage.media,
            access_logs=self.storage.access_logs,
            bus=bus,
            data_key=data_key,
            key_service=self.playback.key_service,
            content_key=self.playback.content_key,
            alarms=alarms,
        )
        self.second_ingest_region = self._second_ingest_region(data_key)
        self.recovery = RecoveryStack(
            self,
            settings=settings,
            storage=self.storage,
            replicas=self.storage_replicas,
            second=self.second_ingest_region,
            data_key=data_key,
            bus=bus,
            farm=self.encoding.farm,
            alarms=alarms,
        )
        self.ingestion = IngestionStack(
            self,
            settings=settings,
            raw=self.storage.raw,
            mezzanine=self.storage.mezzanine,
            data_key=data_key,
            bus=bus,
            farm=self.encoding.farm,
            alarms=alarms,
        )
        self.delivery = DeliveryStack(
            self,
            settings=settings,
            web=self.storage.web,
            media=self.storage.media,
            mezzanine=self.storage.mezzanine,
            access_logs=self.storage.access_logs,
            api=self.playback.api,
            viewers=self.playback.viewers,
            sign_in=self.playback.sign_in,
            studio_api=self.ingestion.api,
            edge_secret=self.playback.edge_secret,
            data_key=data_key,
            alarms=alarms,
        )

        self._ingest_endpoint(alarms)

    def _second_ingest_region(self, data_key: kms.IKey) -> IngestRegionStack | None:
        """Where the profile names one: another region to deliver to."""
        region = self.settings.ingestion.second_region
        if region is None:
            return None
        replica = next(found for found in self.storage_replicas if found.region == region)
        second = IngestRegionStack(self, settings=self.settings, region=region, data_key=data_key, replica=replica)
        second.add_stack_dependency(self.storage, reason="what lands there is replicated to the raw bucket")
        for other in self.storage_replicas:
            second.add_stack_dependency(other, reason="and to its replicas")
        return second

    def _ingest_endpoint(self, alarms: sns.ITopic) -> None:
        """Where there are two regions to deliver to: a name for whichever is well."""
        second, domain = self.second_ingest_region, self.settings.ingestion.domain
        if second and domain and self.ingestion.sftp:
            IngestEndpointStack(
                self,
                settings=self.settings,
                domain=domain,
                primary=self.ingestion.sftp.server,
                second=second,
                alarms=alarms,
            )

    @property
    def stacks(self) -> list[Stack]:
        """Every stack of the profile, in the order of their declaration."""
        return [child for child in self.node.children if isinstance(child, Stack)]


def policy_packs(scope: Construct, *, settings: Settings) -> list[NagPack]:
    """Return the rule packs that a profile has to satisfy."""
    packs: list[NagPack] = [AwsSolutionsChecks(scope), ServerlessChecks(scope)]
    if settings.production:
        packs.append(NIST80053R5Checks(scope))
    return packs


@jsii.implements(IPolicyValidationPlugin)
class _OfOneProfile:
    """A rule pack that looks at one profile: by itself it looks at the whole app, and so at other profiles."""

    def __init__(self, pack: NagPack, platform: Marquee) -> None:
        self._pack, self._platform = pack, platform

    @property
    def name(self) -> str:
        """The pack's name, under which its findings are reported."""
        return self._pack.name

    @property
    def version(self) -> str | None:
        """The pack's version, if it says one."""
        return self._pack.version

    @property
    def rule_ids(self) -> list[str] | None:
        """The pack's rules, if it lists them."""
        return self._pack.rule_ids

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:  # noqa: ARG002 - the app
        """Return what the pack finds in the profile."""
        return self._pack.validate_scope(self._platform)


def enforce_policy(platform: Marquee) -> None:
    """Let synthesis fail on every finding that nobody has acknowledged."""
    packs = policy_packs(platform, settings=platform.settings)
    Validations.of(platform).add_plugins(*(_OfOneProfile(pack, platform) for pack in packs))
