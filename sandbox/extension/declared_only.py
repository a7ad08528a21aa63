"""Resource types that the embedded cloud accepts but does not run.

They get a deterministic id and ARN, so that stacks which reference them deploy, and each is listed with the
reason, so that nobody mistakes it for running. The list of types is explicit: a type nobody thought about is
refused by CloudFormation, as it should be.
"""

import hashlib
from typing import Any, Final

from ministack.core.responses import get_account_id, get_region

from sandbox.extension.pinned import physical_name, resource
from sandbox.extension.workspace import Workspace

_NO_TRAFFIC: Final = "the viewer's edge is the local nginx, not CloudFront"
_NO_SCALING: Final = "one machine does not scale"
_NO_FAULTS: Final = "faults are injected by the tests themselves"
_NO_BILL: Final = "nothing here costs money"
_NO_BACKUP: Final = "state lives as long as the process"
_NO_AUDIT: Final = "there is no account to audit"
_NO_MEDIA: Final = "AWS media services have no local counterpart"
_NO_NETWORK: Final = "all traffic stays on the loopback interface"
_NO_CANARY: Final = "synthetic users are the browser tests"

TYPES: Final[dict[str, str]] = {
    "AWS::AccessAnalyzer::Analyzer": _NO_AUDIT,
    "AWS::ApplicationAutoScaling::ScalableTarget": _NO_SCALING,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _NO_SCALING,
    "AWS::ARCZonalShift::ZonalAutoshiftConfiguration": _NO_FAULTS,
    "AWS::Athena::NamedQuery": "the same SQL runs on DuckDB",
    "AWS::Backup::BackupSelection": _NO_BACKUP,
    "AWS::Budgets::Budget": _NO_BILL,
    "AWS::CE::AnomalyMonitor": _NO_BILL,
    "AWS::CE::AnomalySubscription": _NO_BILL,
    "AWS::CloudFront::ContinuousDeploymentPolicy": _NO_TRAFFIC,
    "AWS::CloudFront::MonitoringSubscription": _NO_TRAFFIC,
    "AWS::CloudFront::RealtimeLogConfig": _NO_TRAFFIC,
    "AWS::CloudFront::VpcOrigin": _NO_TRAFFIC,
    "AWS::CloudTrail::Trail": _NO_AUDIT,
    "AWS::CloudWatch::AnomalyDetector": "there is no history to learn from",
    "AWS::CloudWatch::InsightRule": "there is no traffic to rank",
    "AWS::CodeDeploy::Application": "functions are replaced at once",
    "AWS::CodeDeploy::DeploymentConfig": "functions are replaced at once",
    "AWS::CodeDeploy::DeploymentGroup": "functions are replaced at once",
    "AWS::Cognito::LogDeliveryConfiguration": "sign-ins are in the server's log",
    "AWS::Cognito::UserPoolRiskConfigurationAttachment": "the only users are those of the demo",
    "AWS::Config::ConfigRule": _NO_AUDIT,
    "AWS::Config::ConfigurationRecorder": _NO_AUDIT,
    "AWS::Config::DeliveryChannel": _NO_AUDIT,
    "AWS::DLM::LifecyclePolicy": _NO_BACKUP,
    "AWS::EC2::EIPAssociation": _NO_NETWORK,
    "AWS::EC2::PrefixList": _NO_NETWORK,
    "AWS::EC2::VPCCidrBlock": _NO_NETWORK,
    "AWS::ECR::RegistryScanningConfiguration": "the encoder runs from its source",
    "AWS::ElastiCache::ServerlessCache": "the rate limiter's Valkey is a local process",
    "AWS::Events::ApiDestination": _NO_NETWORK,
    "AWS::Events::Archive": "the event log is the server's log",
    "AWS::Events::Connection": _NO_NETWORK,
    "AWS::Events::EventBusPolicy": "there is one account",
    "AWS::FIS::ExperimentTemplate": _NO_FAULTS,
    "AWS::FIS::TargetAccountConfiguration": _NO_FAULTS,
    "AWS::GlobalAccelerator::Accelerator": _NO_NETWORK,
    "AWS::Glue::SecurityConfiguration": "no Glue job runs here",
    "AWS::GuardDuty::Detector": _NO_AUDIT,
    "AWS::IAM::Group": "IAM is not enforced",
    "AWS::IAM::OIDCProvider": "IAM is not enforced",
    "AWS::IAM::ServiceLinkedRole": "IAM is not enforced",
    "AWS::InternetMonitor::Monitor": _NO_NETWORK,
    "AWS::Kinesis::ResourcePolicy": "there is one account",
    "AWS::Lambda::CodeSigningConfig": "code comes from this machine",
    "AWS::Logs::Delivery": "logs stay where they were written",
    "AWS::Logs::DeliveryDestination": "logs stay where they were written",
    "AWS::Logs::DeliverySource": "logs stay where they were written",
    "AWS::Logs::LogAnomalyDetector": "there is no history to learn from",
    "AWS::Logs::QueryDefinition": "queries are typed, not saved",
    "AWS::MediaConnect::Flow": _NO_MEDIA,
    "AWS::MediaLive::Channel": _NO_MEDIA,
    "AWS::MediaLive::Input": _NO_MEDIA,
    "AWS::MediaLive::InputSecurityGroup": _NO_MEDIA,
    "AWS::MediaLive::Multiplex": _NO_MEDIA,
    "AWS::MediaPackageV2::Channel": _NO_MEDIA,
    "AWS::MediaPackageV2::ChannelGroup": _NO_MEDIA,
    "AWS::MediaPackageV2::ChannelPolicy": _NO_MEDIA,
    "AWS::MediaPackageV2::OriginEndpoint": _NO_MEDIA,
    "AWS::MediaPackageV2::OriginEndpointPolicy": _NO_MEDIA,
    "AWS::MediaTailor::PlaybackConfiguration": _NO_MEDIA,
    "AWS::ResourceGroups::Group": "tags are readable on the resources",
    "AWS::Route53::HealthCheck": "the project's own heartbeats decide which appliance is up",
    "AWS::Route53RecoveryControl::Cluster": _NO_FAULTS,
    "AWS::Route53RecoveryControl::ControlPanel": _NO_FAULTS,
    "AWS::Route53RecoveryControl::RoutingControl": _NO_FAULTS,
    "AWS::Route53RecoveryControl::SafetyRule": _NO_FAULTS,
    "AWS::RUM::AppMonitor": _NO_CANARY,
    "AWS::SecretsManager::ResourcePolicy": "IAM is not enforced",
    "AWS::SecretsManager::RotationSchedule": "secrets live as long as the process",
    "AWS::SecurityHub::Hub": _NO_AUDIT,
    "AWS::SSM::Document": "there is no fleet to run it on",
    "AWS::Synthetics::Canary": _NO_CANARY,
    "AWS::WAFv2::IPSet": _NO_TRAFFIC,
    "AWS::WAFv2::LoggingConfiguration": _NO_TRAFFIC,
    "AWS::WAFv2::RuleGroup": _NO_TRAFFIC,
    "AWS::WAFv2::WebACLAssociation": _NO_TRAFFIC,
    "AWS::XRay::Group": "traces are not collected",
    "AWS::XRay::SamplingRule": "traces are not collected",
    "AWS::XRay::TransactionSearchConfig": "traces are not collected",
}


class DeclaredOnly:
    """Accepts the types above and keeps the list of what it accepted."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.resources: dict[str, dict[str, str]] = {}

    def apply(self) -> None:
        """Register every type."""
        self._save()
        for resource_type, reason in TYPES.items():
            self._register(resource_type, reason)

    def _register(self, resource_type: str, reason: str) -> None:
        def create(logical_id: str, _: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
            name = physical_name(stack, logical_id)
            arn = arn_of(resource_type=resource_type, name=name)
            self.resources[arn] = {
                "type": resource_type,
                "stack": stack,
                "logicalId": logical_id,
                "region": get_region(),
                "arn": arn,
                "reason": reason,
            }
            self._save()
            return arn, Attributes(arn=arn)

        def update(
            physical_id: str, _old: dict[str, Any], _new: dict[str, Any], _stack: str, _logical_id: str
        ) -> tuple[str, dict[str, Any]]:
            return physical_id, Attributes(arn=physical_id)

        def delete(physical_id: str, _: dict[str, Any]) -> None:
            self.resources.pop(physical_id, None)
            self._save()

        resource(resource_type, create=create, update=update, delete=delete, why=f"Declared only, not run: {reason}")

    def _save(self) -> None:
        self._workspace.write_json(self._workspace.declared_only, list(self.resources.values()))


class Attributes(dict[str, Any]):
    """The attributes of a declared resource: whatever a template asks for, derived from the ARN."""

    def __init__(self, *, arn: str) -> None:
        super().__init__(Arn=arn, Id=hashlib.sha256(arn.encode()).hexdigest()[:16])

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return str(self["Arn"] if name.lower().endswith("arn") else self["Id"])


def arn_of(*, resource_type: str, name: str) -> str:
    """A deterministic ARN for a resource that exists only in its declaration."""
    _, service, kind = resource_type.split("::")
    return f"arn:aws:{service.lower()}:{get_region()}:{get_account_id()}:{kind.lower()}/{name}"
