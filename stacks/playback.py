"""Playback: viewers, sessions, content keys, licences and progress, behind one HTTP API."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import CfnOutput
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.common.events import TitlePublished, TitleRolledBack
from lambdas.playback.environment import (
    AccountEnvironment,
    DevicesEnvironment,
    EndEnvironment,
    HeartbeatEnvironment,
    KeyServiceEnvironment,
    LicenseEnvironment,
    ManifestEnvironment,
    PlayableEnvironment,
    ProfilesEnvironment,
    ProgressEnvironment,
    SessionEnvironment,
    SignOutDeviceEnvironment,
    SignOutEnvironment,
    SteeringEnvironment,
    TelemetryEnvironment,
)
from lambdas.playback.series import INDEX as EPISODES_INDEX
from lambdas.playback.steering import PATH as STEERING_PATH
from stacks.constructs.acknowledgement import acknowledge
from stacks.constructs.api import ViewerApi
from stacks.constructs.bus_subscription import subscribe
from stacks.constructs.content_keys import allow_content_keys
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.device_grant import device_grant, television_client
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.progress_merge import ProgressMerge
from stacks.constructs.rate_limiter import RateLimit
from stacks.constructs.revocations import Revocations
from stacks.constructs.secret_access import grant_secret
from stacks.constructs.service_function import ServiceFunction
from stacks.constructs.speke_service import SpekeService
from stacks.constructs.table import allow, table
from stacks.constructs.user_pool import user_pool
from stacks.constructs.vendor_licences import vendor_licences
from stacks.constructs.viewer_sign_in import ViewerSignIn
from stacks.limits import LimitsStack
from stacks.settings import Settings

HANDLERS = "lambdas.playback.handlers"


class PlaybackStack(ContextStack):
    """What happens between a viewer's click and the first frame, apart from the bytes."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        media: MediaBucket,
        data_key: kms.IKey,
        bus: events.IEventBus,
        list_titles: lambda_.IFunction,
        limits: LimitsStack | None,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(
            scope,
            "playback",
            settings=settings,
            region=settings.primary_region,
            data_key=data_key,
            alarms=alarms,
            description="Marquee: viewers, sessions, content keys, licences, progress.",
        )
        self._media, self._bus = media, bus
        self.viewers = self._viewers()
        self.sign_in = ViewerSignIn(self, "SignIn", pool=self.viewers)
        self.television = television_client(self.sign_in, pool=self.viewers)
        self._limit = limits.playback if limits else None
        self.content_key = self._content_key(data_key)
        # By ARN: a secret writes its readers into the policy of a key that it owns, which is another stack's.
        self._shared_data_key = kms.Key.from_key_arn(self, "SharedDataKey", data_key.key_arn)
        self.edge_secret = self._signing_secret(
            "EdgeKey",
            description="Signs edge tokens; the edge verifies with a copy in its KeyValueStore.",
            beside={"kid": "k1"},
            not_rotated="Rotating it alone would refuse every viewer: the edge holds a copy, imported at deployment.",
        )
        # Of its own, so that whoever only asks whose a session is can sign no edge token.
        self._session_secret = self._signing_secret(
            "SessionKey",
            description="Signs session ids, by which they say whose they are.",
            beside={},
            not_rotated="Sessions last for hours, and who checks their ids keeps the key: a new one would refuse them.",
        )
        self._sessions = table(self, "Sessions", partition_key="session_id", expires_at="expires_at")
        self._leases = table(self, "Leases", partition_key="viewer_id", expires_at="expires_at")
        self._accounts = table(self, "Accounts", partition_key="viewer_id")
        self._playable = table(self, "Playable", partition_key="title_id")
        # Sparse: a title of no series has neither attribute.
        self._playable.add_global_secondary_index(
            index_name=EPISODES_INDEX,
            partition_key=dynamodb.Attribute(name="series", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="episode", type=dynamodb.AttributeType.STRING),
        )
        replica_regions = settings.playback.progress_replica_regions
        self._progress = table(
            self,
            "ProgressTable",
            partition_key="viewer_id",
            sort_key="title_id",
            replica_regions=replica_regions,
        )
        if replica_regions:
            ProgressMerge(self, "ProgressMerge", progress=self._progress)
        self._security = table(self, "AccountSecurity", partition_key="viewer_id", expires_at="expires_at")
        self._content_keys = table(self, "ContentKeys", partition_key="title_id", sort_key="tier")
        self.key_service = self._key_service()
        self.revocations = Revocations(self, "Revocations", sessions=self._sessions, leases=self._leases)
        self.speke = SpekeService(
            self,
            "Speke",
            content_keys=self._content_keys,
            revocations=self.revocations.table,
            wrapping_key=self.content_key,
        )
        self._follow_the_catalog()
        self.api = ViewerApi(self, "Api", viewers=self.viewers, clients=[self.sign_in.client, self.television])
        self.api.route(apigateway.HttpMethod.GET, "/api/catalog/titles", list_titles)
        self._account_operation()
        self._pathways = settings.delivery.pathways.model_dump_json()
        self._session_routes()
        self._steering_route()
        self._license_route()
        vendor_licences(self, api=self.api, sessions=self._sessions, leases=self._leases, revocations=self.revocations)
        self._progress_routes()
        self._telemetry_route(limits.telemetry if limits else None)
        device_grant(
            self,
            api=self.api,
            pool=self.viewers,
            page=self.sign_in.client,
            television=self.television,
            security=self._security,
        )
        self._account_routes(limits.profile if limits else None)
        CfnOutput(self, "UserPoolId", value=self.viewers.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=self.sign_in.client.user_pool_client_id)
        CfnOutput(self, "TelevisionClientId", value=self.television.user_pool_client_id)
        CfnOutput(self, "PlayableTable", value=self._playable.table_name)
        CfnOutput(self, "EdgeSecretArn", value=self.edge_secret.secret_arn)
        CfnOutput(self, "ApiId", value=self.api.http_api.api_id)
        CfnOutput(self, "SpekeUrl", value=self.speke.url)

    def _viewers(self) -> cognito.UserPool:
        pool = user_pool(self, "Viewers", stack=self, mfa=cognito.Mfa.OPTIONAL, who="viewers")
        acknowledge(
            pool,
            reason="A household shares an account: who pays for it decides on a second factor, and the pool has one.",
            rules=("AwsSolutions-COG2",),
        )
        return pool

    def _signing_secret(
        self, name: str, *, description: str, beside: Mapping[str, str], not_rotated: str
    ) -> secretsmanager.Secret:
        """Declare a key that is made in the account: a JSON object with `key`, and what stands `beside` it."""
        secret = secretsmanager.Secret(
            self,
            name,
            encryption_key=self._shared_data_key,
            description=description,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps(beside),
                generate_string_key="key",
                password_length=64,
                exclude_punctuation=True,
            ),
            removal_policy=self.removal_policy,
        )
        acknowledge(
            secret,
            reason=not_rotated,
            rules=("AwsSolutions-SMG4", "NIST.800.53.R5-SecretsManagerRotationEnabled"),
        )
        return secret

    def _content_key(self, data_key: kms.IKey) -> kms.IKey:
        """Return the key that wraps content keys: its own, where the profile pays for one."""
        if not self.settings.playback.dedicated_content_key:
            return data_key
        return kms.Key(
            self,
            "ContentKeyWrapping",
            enable_key_rotation=True,
            removal_policy=self.removal_policy,
            description="Wraps the content keys of Marquee's titles.",
        )

    def _key_service(self) -> ServiceFunction:
        function = ServiceFunction(
            self,
            "IssueKeys",
            handler="lambdas.playback.publishing_handlers.issue_keys",
            environment=KeyServiceEnvironment(
                content_keys_table=self._content_keys.table_name, wrapping_key_id=self.content_key.key_id
            ),
            description="Issues a title's content keys, wrapped: one a tier, always the same.",
        )
        allow(self._content_keys, function, "dynamodb:Query", "dynamodb:PutItem")
        allow_content_keys(self.content_key, function, "kms:GenerateDataKeyWithoutPlaintext")
        return function

    def _follow_the_catalog(self) -> None:
        function = ServiceFunction(
            self,
            "FollowCatalog",
            handler="lambdas.playback.publishing_handlers.on_title_published",
            environment=PlayableEnvironment(playable_table=self._playable.table_name),
            description="Keeps playback's own picture of what can be played.",
        )
        allow(self._playable, function, "dynamodb:PutItem")
        for event in (TitlePublished, TitleRolledBack):
            subscribe(self, event, bus=self._bus, function=function)

    def _account_operation(self) -> None:
        """What people call with their own AWS credentials; the output tells them the name."""
        function = ServiceFunction(
            self,
            "Account",
            handler="lambdas.playback.operator_handlers.account",
            environment=AccountEnvironment(
                accounts_table=self._accounts.table_name, plans=self.settings.playback.plans.model_dump_json()
            ),
            description="Shows or changes a viewer's plan, home and profiles.",
        )
        allow(self._accounts, function, "dynamodb:GetItem", "dynamodb:PutItem")
        CfnOutput(self, "AccountFunction", value=function.function_name)

    def _session_routes(self) -> None:
        playback = self.settings.playback
        create = ServiceFunction(
            self,
            "CreateSession",
            handler=f"{HANDLERS}.create_session",
            environment=SessionEnvironment(
                accounts_table=self._accounts.table_name,
                plans=playback.plans.model_dump_json(),
                sessions_table=self._sessions.table_name,
                leases_table=self._leases.table_name,
                playable_table=self._playable.table_name,
                progress_table=self._progress.table_name,
                security_table=self._security.table_name,
                edge_secret_arn=self.edge_secret.secret_arn,
                session_secret_arn=self._session_secret.secret_arn,
                session_ttl_s=playback.session_ttl_s,
                lease_s=playback.lease_s,
                heartbeat_s=playback.heartbeat_s,
                revocations_table=self.revocations.table.table_name,
                pathways=self._pathways,
                vendor_licences=playback.drm_vendors_secret is not None,
            ),
            description="POST /api/playback/sessions",
            limit=self._limit,
        )
        self._read_together(create, self._accounts, self._leases, self._playable, self._progress, self._security)
        # One transaction writes all three; the session alone is read again when a request is repeated.
        allow(self._sessions, create, "dynamodb:PutItem", "dynamodb:BatchGetItem")
        allow(self._leases, create, "dynamodb:UpdateItem")
        allow(self._security, create, "dynamodb:PutItem")
        self.revocations.let_read(create)
        for secret in (self.edge_secret, self._session_secret):
            grant_secret(secret, create.execution_role)
        self.api.route(apigateway.HttpMethod.POST, "/api/playback/sessions", create)
        heartbeat = ServiceFunction(
            self,
            "Heartbeat",
            handler=f"{HANDLERS}.heartbeat",
            environment=HeartbeatEnvironment(
                leases_table=self._leases.table_name,
                revocations_table=self.revocations.table.table_name,
                lease_s=playback.lease_s,
            ),
            description="POST /api/playback/sessions/{session_id}/heartbeat",
            quiet=True,
        )
        allow(self._leases, heartbeat, "dynamodb:UpdateItem")
        self.revocations.let_read(heartbeat)
        self.api.route(apigateway.HttpMethod.POST, "/api/playback/sessions/{session_id}/heartbeat", heartbeat)
        end = ServiceFunction(
            self,
            "EndSession",
            handler=f"{HANDLERS}.end_session",
            environment=EndEnvironment(leases_table=self._leases.table_name),
            description="DELETE /api/playback/sessions/{session_id}",
        )
        allow(self._leases, end, "dynamodb:UpdateItem")
        self.api.route(apigateway.HttpMethod.DELETE, "/api/playback/sessions/{session_id}", end)
        manifest = ServiceFunction(
            self,
            "GetManifest",
            handler=f"{HANDLERS}.get_manifest",
            environment=ManifestEnvironment(
                sessions_table=self._sessions.table_name,
                leases_table=self._leases.table_name,
                revocations_table=self.revocations.table.table_name,
                playable_table=self._playable.table_name,
                edge_secret_arn=self.edge_secret.secret_arn,
                media_bucket=self._media.bucket_name,
                pathways=self._pathways,
            ),
            description="GET /api/playback/sessions/{session_id}/manifest",
            limit=self._limit,
        )
        self._read_together(manifest, self._sessions, self._leases)
        self._read(manifest, self._playable)
        self.revocations.let_read(manifest)
        grant_secret(self.edge_secret, manifest.execution_role)
        grant_objects(self._media, manifest.execution_role, Access.READ)
        self.api.route(apigateway.HttpMethod.GET, "/api/playback/sessions/{session_id}/manifest", manifest)

    def _steering_route(self) -> None:
        """Always there: a player that was told of two pathways goes on asking after one of them was taken away."""
        playback = self.settings.playback
        function = ServiceFunction(
            self,
            "Steer",
            handler="lambdas.playback.steering_handlers.steer",
            environment=SteeringEnvironment(
                pathways=self._pathways, steering_ttl_s=self.settings.delivery.steering_ttl_s
            ),
            description=f"GET {STEERING_PATH}",
        )
        self.api.open_route(
            apigateway.HttpMethod.GET,
            STEERING_PATH,
            function,
            # The edge keeps the answer, and asks for it anew from a few places, each once in ten seconds.
            throttle=apigateway.ThrottleSettings(
                rate_limit=playback.api_rate_per_s // 2, burst_limit=playback.api_burst // 2
            ),
            reason="Players ask it without a token; it tells everybody the same, and nothing that is not in manifests.",
        )

    def _license_route(self) -> None:
        function = ServiceFunction(
            self,
            "License",
            handler=f"{HANDLERS}.license",
            environment=LicenseEnvironment(
                sessions_table=self._sessions.table_name,
                leases_table=self._leases.table_name,
                playable_table=self._playable.table_name,
                content_keys_table=self._content_keys.table_name,
                revocations_table=self.revocations.table.table_name,
            ),
            description="POST /api/playback/license",
            limit=self._limit,
        )
        self.revocations.let_read(function)
        self._read_together(function, self._sessions, self._leases)
        self._read(function, self._playable)
        allow(self._content_keys, function, "dynamodb:Query")
        allow_content_keys(self.content_key, function, "kms:Decrypt")
        self.api.route(apigateway.HttpMethod.POST, "/api/playback/license", function)

    def _progress_routes(self) -> None:
        environment = ProgressEnvironment(
            progress_table=self._progress.table_name,
            playable_table=self._playable.table_name,
            accounts_table=self._accounts.table_name,
            plans=self.settings.playback.plans.model_dump_json(),
        )
        function = ServiceFunction(
            self,
            "Progress",
            handler=f"{HANDLERS}.progress",
            environment=environment,
            description="POST /api/playback/progress",
            limit=self._limit,
            quiet=True,
        )
        self._read(function, self._playable)
        allow(self._progress, function, "dynamodb:PutItem")
        self.api.route(apigateway.HttpMethod.POST, "/api/playback/progress", function)
        continued = ServiceFunction(
            self,
            "ContinueWatching",
            handler=f"{HANDLERS}.continue_watching",
            environment=environment,
            description="GET /api/playback/progress",
            limit=self._limit,
        )
        allow(self._progress, continued, "dynamodb:Query")
        # What is offered after an episode depends on who watches.
        for offering in (function, continued):
            self._read(offering, self._accounts)
            allow(self._playable, offering, "dynamodb:Query", index=EPISODES_INDEX)
        self.api.route(apigateway.HttpMethod.GET, "/api/playback/progress", continued)

    def _telemetry_route(self, limit: RateLimit | None) -> None:
        function = ServiceFunction(
            self,
            "Telemetry",
            handler="lambdas.playback.telemetry_handlers.telemetry",
            environment=TelemetryEnvironment(session_secret_arn=self._session_secret.secret_arn),
            description="POST /api/playback/telemetry",
            limit=limit,
        )
        grant_secret(self._session_secret, function.execution_role)
        self.api.route(apigateway.HttpMethod.POST, "/api/playback/telemetry", function)

    def _account_routes(self, limit: RateLimit | None) -> None:
        """What viewers see of their account, and do about its devices."""
        handlers = "lambdas.playback.account_handlers"
        profiles = ServiceFunction(
            self,
            "ListProfiles",
            handler=f"{handlers}.list_profiles",
            environment=ProfilesEnvironment(accounts_table=self._accounts.table_name),
            description="GET /api/account/profiles",
            limit=limit,
        )
        listing = ServiceFunction(
            self,
            "ListDevices",
            handler=f"{handlers}.list_devices",
            environment=DevicesEnvironment(security_table=self._security.table_name),
            description="GET /api/account/devices",
            limit=limit,
        )
        leaving = ServiceFunction(
            self,
            "SignOutDevice",
            handler=f"{handlers}.sign_out_device",
            environment=SignOutDeviceEnvironment(
                security_table=self._security.table_name, leases_table=self._leases.table_name
            ),
            description="DELETE /api/account/devices/{device_id}",
            limit=limit,
        )
        # Not limited: Cognito, which it asks, has no endpoint in the network of those that are, and limits by itself.
        everywhere = ServiceFunction(
            self,
            "SignOutEverywhere",
            handler=f"{handlers}.sign_out_everywhere",
            environment=SignOutEnvironment(
                security_table=self._security.table_name,
                leases_table=self._leases.table_name,
                user_pool_id=self.viewers.user_pool_id,
            ),
            description="DELETE /api/account/devices",
        )
        self._read(profiles, self._accounts)
        self._read(listing, self._security)
        for function in (leaving, everywhere):
            self._read(function, self._security, self._leases)
            allow(self._security, function, "dynamodb:PutItem")
            allow(self._leases, function, "dynamodb:UpdateItem")
        self.viewers.grant(everywhere, "cognito-idp:AdminUserGlobalSignOut")
        self.api.route(apigateway.HttpMethod.GET, "/api/account/profiles", profiles)
        self.api.route(apigateway.HttpMethod.GET, "/api/account/devices", listing)
        self.api.route(apigateway.HttpMethod.DELETE, "/api/account/devices/{device_id}", leaving)
        self.api.route(apigateway.HttpMethod.DELETE, "/api/account/devices", everywhere)

    @staticmethod
    def _read(function: ServiceFunction, *tables: dynamodb.ITableV2) -> None:
        for source in tables:
            allow(source, function, "dynamodb:GetItem")

    @staticmethod
    def _read_together(function: ServiceFunction, *tables: dynamodb.ITableV2) -> None:
        for source in tables:
            allow(source, function, "dynamodb:BatchGetItem")
