"""Delivery: CloudFront in front of the player, the API and the media, with the token check at the edge."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnOutput, CustomResource, Duration
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.common.environment import Environment as NoEnvironment
from lambdas.common.keys import ART_PREFIX
from lambdas.delivery.environment import EndSessionsEnvironment
from lambdas.playback.signals import ORIGIN_HEADER
from lambdas.playback.steering import KEPT_S as STEERING_KEPT_S
from lambdas.playback.steering import PATH as STEERING_PATH
from stacks.constructs.acknowledgement import acknowledge
from stacks.constructs.api import ViewerApi
from stacks.constructs.context_stack import ContextStack
from stacks.constructs.media_bucket import MediaBucket
from stacks.constructs.object_access import Access, grant_objects
from stacks.constructs.player_site import PlayerSite, content_security_policy
from stacks.constructs.revocations import end_sessions_name
from stacks.constructs.secret_access import grant_secret
from stacks.constructs.service_function import REPOSITORY, ServiceFunction
from stacks.constructs.studio_api import StudioApi
from stacks.constructs.viewer_sign_in import ViewerSignIn
from stacks.constructs.web_acl import WebAcl
from stacks.settings import EDGE_REGION, Settings

EDGE_KEYS_PREFIX = "edge-keys/"
VIEWER_HEADERS = (
    "CloudFront-Viewer-Address",
    "CloudFront-Viewer-ASN",
    "CloudFront-Viewer-Country",
    "CloudFront-Viewer-Latitude",
    "CloudFront-Viewer-Longitude",
)
"""What CloudFront tells the viewers' API; whatever a viewer sends under these names, CloudFront replaces."""


class DeliveryStack(ContextStack):
    """The edge."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        web: MediaBucket,
        media: MediaBucket,
        mezzanine: MediaBucket,
        access_logs: s3.IBucket,
        api: ViewerApi,
        viewers: cognito.IUserPool,
        sign_in: ViewerSignIn,
        studio_api: StudioApi,
        edge_secret: secretsmanager.ISecret,
        data_key: kms.IKey,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(
            scope,
            "delivery",
            settings=settings,
            region=EDGE_REGION,
            data_key=data_key,
            alarms=alarms,
            description="Marquee: CloudFront, the edge token check, the player.",
        )
        keys, origin_token = self._edge_keys(edge_secret=edge_secret, staging=mezzanine)
        self._end_sessions(keys)
        self.viewer_request = cloudfront.Function(
            self,
            "ViewerRequest",
            code=cloudfront.FunctionCode.from_file(file_path=str(REPOSITORY / "edge" / "viewer-request.js")),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            key_value_store=keys,
            comment="Checks the token in a media path, and takes it out of it.",
        )
        web_by_name = self._by_name(web, "Web")
        self.distribution = self._distribution(
            web=web_by_name,
            media=self._by_name(media, "Media"),
            access_logs=access_logs,
            api=api,
            studio_api=studio_api,
            headers=self._response_headers(sign_in_domain=sign_in.domain),
            origin_token=origin_token,
        )
        self._admit_page(viewers=viewers, sign_in=sign_in)
        PlayerSite(
            self,
            "Player",
            bucket=web_by_name,
            configuration={
                "cognito_endpoint": settings.delivery.sign_in_endpoint
                or f"https://cognito-idp.{settings.primary_region}.amazonaws.com/",
                "client_id": sign_in.client.user_pool_client_id,
                "sign_in_domain": settings.delivery.sign_in_domain or f"https://{sign_in.domain}/",
                "studio_client_id": studio_api.client.user_pool_client_id,
                "region": settings.primary_region,
                "environment": settings.profile,
            },
            log_group=self.log_group("PlayerSiteLogs"),
        )
        CfnOutput(self, "DistributionId", value=self.distribution.distribution_id)
        CfnOutput(self, "PlayerUrl", value=f"https://{self.distribution.domain_name}/")

    def _by_name(self, bucket: MediaBucket, name: str) -> s3.IBucket:
        """Return the bucket without its policy, which its own stack writes: else the two stacks need each other."""
        return s3.Bucket.from_bucket_attributes(
            self, name, bucket_name=bucket.known_name, region=self.settings.primary_region
        )

    def _edge_keys(
        self, *, edge_secret: secretsmanager.ISecret, staging: MediaBucket
    ) -> tuple[cloudfront.KeyValueStore, str]:
        """Declare the store from which the edge reads the token key; return it, and what CloudFront is believed by.

        Neither the key nor the token is in a template.
        """
        function = ServiceFunction(
            self,
            "PublishEdgeKeys",
            handler="lambdas.delivery.handlers.publish_edge_keys",
            environment=NoEnvironment(),
            description="Writes the token key where the edge's key-value store imports it from.",
            timeout=Duration.minutes(1),
        )
        grant_secret(edge_secret, function.execution_role)
        for access in (Access.SEND, Access.REMOVE):
            grant_objects(staging, function.execution_role, access, prefix=EDGE_KEYS_PREFIX)
        published = CustomResource(
            self,
            "EdgeKeys",
            service_token=function.function_arn,
            resource_type="Custom::EdgeKeys",
            properties={
                "SecretArn": edge_secret.secret_arn,
                "Bucket": staging.bucket_name,
                "Key": f"{EDGE_KEYS_PREFIX}k1.json",
                # What is asked of it: CloudFormation runs it again only if a property changes.
                "Gives": "ImportArn OriginToken",
            },
        )
        store = cloudfront.KeyValueStore(
            self,
            "EdgeKeyStore",
            comment="Edge token keys by key id, and ended sessions.",
            source=cloudfront.ImportSource.from_bucket(staging, f"{EDGE_KEYS_PREFIX}k1.json"),
        )
        store.node.add_dependency(published)
        return store, published.get_att_string("OriginToken")

    def _admit_page(self, *, viewers: cognito.IUserPool, sign_in: ViewerSignIn) -> None:
        """Let viewers sign in at the distribution: its name is known when all that it needs has been deployed."""
        function = ServiceFunction(
            self,
            "AdmitPage",
            handler="lambdas.delivery.handlers.admit_page",
            environment=NoEnvironment(),
            description="Tells the viewers' sign-in where the page is.",
            timeout=Duration.minutes(1),
        )
        viewers.grant(function.execution_role, "cognito-idp:DescribeUserPoolClient", "cognito-idp:UpdateUserPoolClient")
        CustomResource(
            self,
            "SignIn",
            service_token=function.function_arn,
            resource_type="Custom::SignIn",
            properties={
                "UserPoolId": viewers.user_pool_id,
                "ClientId": sign_in.client.user_pool_client_id,
                "Address": f"https://{self.distribution.domain_name}/",
                "Declared": sign_in.declared,
            },
        )

    def _end_sessions(self, store: cloudfront.KeyValueStore) -> None:
        """Declare what puts ended sessions into the edge's store. Playback calls it by its name, so it has one."""
        function = ServiceFunction(
            self,
            "EndSessions",
            handler="lambdas.delivery.session_handlers.end_sessions",
            environment=EndSessionsEnvironment(key_value_store_arn=store.key_value_store_arn),
            description="Lets the edge refuse the tokens of ended sessions.",
            timeout=Duration.seconds(50),
            name=end_sessions_name(self.settings),
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=[
                    "cloudfront-keyvaluestore:DescribeKeyValueStore",
                    "cloudfront-keyvaluestore:ListKeys",
                    "cloudfront-keyvaluestore:UpdateKeys",
                ],
                resources=[store.key_value_store_arn],
            )
        )

    def _distribution(
        self,
        *,
        web: s3.IBucket,
        media: s3.IBucket,
        access_logs: s3.IBucket,
        api: ViewerApi,
        studio_api: StudioApi,
        headers: cloudfront.IResponseHeadersPolicy,
        origin_token: str,
    ) -> cloudfront.Distribution:
        media_origin = origins.S3BucketOrigin.with_origin_access_control(media)
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"{self.settings.namespace} {self.settings.profile}",
            default_root_object="index.html",
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_ALL
            if self.settings.delivery.price_class == "all"
            else cloudfront.PriceClass.PRICE_CLASS_100,
            web_acl_id=WebAcl(self, "WebAcl").arn if self.settings.delivery.web_acl else None,
            enable_logging=True,
            log_bucket=access_logs,
            log_file_prefix="cloudfront/",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(web),
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                response_headers_policy=headers,
                compress=True,
            ),
            additional_behaviors={
                # The first pattern that fits is taken.
                STEERING_PATH: self._steering_behaviour(api.domain_name, headers=headers),
                "/api/ingest/*": _api_behaviour(studio_api.domain_name, headers=headers),
                "/api/*": _api_behaviour(
                    api.domain_name,
                    headers=headers,
                    cache_policy=self._told_where_from(),
                    said={ORIGIN_HEADER: origin_token},
                ),
                "/media/*": cloudfront.BehaviorOptions(
                    origin=media_origin,
                    viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                    cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED_FOR_UNCOMPRESSED_OBJECTS,
                    response_headers_policy=headers,
                    function_associations=[
                        cloudfront.FunctionAssociation(
                            function=self.viewer_request,
                            event_type=cloudfront.FunctionEventType.VIEWER_REQUEST,
                        )
                    ],
                ),
                f"/{ART_PREFIX}*": cloudfront.BehaviorOptions(
                    origin=media_origin,
                    viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                    response_headers_policy=headers,
                ),
            },
        )
        acknowledge(
            distribution,
            reason="Territories are a right of each title, not of the platform.",
            rules=("AwsSolutions-CFR1",),
        )
        acknowledge(
            distribution,
            reason="The default certificate fixes the TLS policy; with a domain of the deployer's, 1.2 is the floor.",
            rules=("AwsSolutions-CFR4",),
        )
        acknowledge(
            distribution,
            reason="The storage stack writes the policies of its buckets, and admits this account's distributions.",
            rules=("Annotation::@aws-cdk/aws-cloudfront-origins:updateImportedBucketPolicyOac",),
        )
        if not self.settings.delivery.web_acl:
            acknowledge(
                distribution,
                reason="A web ACL bills while idle: an opt-in of the sandbox. The API is throttled either way.",
                rules=("AwsSolutions-CFR2",),
            )
        return distribution

    def _steering_behaviour(
        self, domain_name: str, *, headers: cloudfront.IResponseHeadersPolicy
    ) -> cloudfront.BehaviorOptions:
        """Return how the steering manifest is kept: one for everybody, by its path alone.

        Nothing of a request goes on to the origin, so nobody can have an error kept for the others. What players report
        stands in the access logs.
        """
        return cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(domain_name, origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2]),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            cache_policy=cloudfront.CachePolicy(
                self,
                "Steering",
                comment="Keeps the order of the pathways for everybody.",
                min_ttl=Duration.seconds(0),
                default_ttl=Duration.seconds(STEERING_KEPT_S),
                max_ttl=Duration.seconds(STEERING_KEPT_S),
            ),
            response_headers_policy=headers,
        )

    def _told_where_from(self) -> cloudfront.CachePolicy:
        """Return a policy by which nothing is kept, and the origin is told the viewer's address and where that is.

        CloudFront adds its own headers by a cache policy, or by an origin request policy that would pass on the host's
        name as well. A cache policy with headers may not have a longest time of 0: it keeps what an answer allows to
        be kept, for a second, and of those that come this way none allows any. What it keeps is told apart by the
        viewer's token.
        """
        return cloudfront.CachePolicy(
            self,
            "Viewers",
            comment="Keeps nothing; tells the viewers' API where a request is from.",
            min_ttl=Duration.seconds(0),
            default_ttl=Duration.seconds(0),
            max_ttl=Duration.seconds(1),
            header_behavior=cloudfront.CacheHeaderBehavior.allow_list("Authorization", *VIEWER_HEADERS),
            query_string_behavior=cloudfront.CacheQueryStringBehavior.all(),
        )

    def _response_headers(self, *, sign_in_domain: str) -> cloudfront.ResponseHeadersPolicy:
        return cloudfront.ResponseHeadersPolicy(
            self,
            "SecurityHeaders",
            comment="What every answer carries.",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=content_security_policy(
                        region=self.settings.primary_region,
                        sign_in_domain=sign_in_domain,
                        pathways=self.settings.delivery.pathways,
                    ),
                    override=True,
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(365), include_subdomains=True, override=True
                ),
            ),
        )


def _api_behaviour(
    domain_name: str,
    *,
    headers: cloudfront.IResponseHeadersPolicy,
    cache_policy: cloudfront.ICachePolicy = cloudfront.CachePolicy.CACHING_DISABLED,
    said: Mapping[str, str] | None = None,
) -> cloudfront.BehaviorOptions:
    """Return how an API is passed through: every method, nothing cached; `said` is added to each request."""
    return cloudfront.BehaviorOptions(
        origin=origins.HttpOrigin(
            domain_name, origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2], custom_headers=said
        ),
        viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
        cache_policy=cache_policy,
        origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        response_headers_policy=headers,
    )
