"""The player's static site in a bucket: our page, and the player library that the lock file pins."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from aws_cdk import IgnoreMode, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from lambdas.playback.pathways import Pathways
from stacks.constructs.acknowledgement import acknowledge, wildcard_finding
from stacks.constructs.service_function import REPOSITORY

_DEPLOYMENT = json.loads((REPOSITORY / "player" / "deployment.json").read_text())
_API = REPOSITORY / "docs" / "generated" / "openapi.json"
_LIBRARY = REPOSITORY / _DEPLOYMENT["vendor"]["from"]


class PlayerLibraryError(RuntimeError):
    """The player library is not installed, and ``npm ci`` did not bring it."""


class PlayerSite(Construct):
    """Deploys ``player/``, its configuration, its library and the API's description to a bucket.

    Parameters
    ----------
    bucket
        The web bucket.
    configuration
        What the page reads from ``/config.json``; values may be known at deployment only.
    log_group
        Where the deployment's own function logs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        configuration: Mapping[str, str],
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        _install_library()
        fresh = [s3_deployment.CacheControl.from_string("public, max-age=60")]
        s3_deployment.BucketDeployment(
            self,
            "Page",
            sources=[
                s3_deployment.Source.asset(
                    str(REPOSITORY / "player"),
                    exclude=only(_DEPLOYMENT["page"]),
                    ignore_mode=IgnoreMode.GIT,
                ),
                s3_deployment.Source.json_data("config.json", dict(configuration)),
                s3_deployment.Source.data("openapi.json", _API.read_text(encoding="utf-8")),
            ],
            destination_bucket=bucket,
            exclude=[f"{_DEPLOYMENT['vendor']['to']}/*", *_DEPLOYMENT["paths"]],
            cache_control=fresh,
            log_group=log_group,
        )
        s3_deployment.BucketDeployment(
            self,
            "Library",
            sources=[
                s3_deployment.Source.asset(
                    str(_LIBRARY),
                    exclude=only(_DEPLOYMENT["vendor"]["files"]),
                    ignore_mode=IgnoreMode.GIT,
                )
            ],
            destination_bucket=bucket,
            destination_key_prefix=_DEPLOYMENT["vendor"]["to"],
            cache_control=fresh,
            log_group=log_group,
        )
        page = (REPOSITORY / "player" / "index.html").read_text(encoding="utf-8")
        s3_deployment.BucketDeployment(
            self,
            "Paths",
            # An address that people type has no ending by which its type could be told.
            sources=[s3_deployment.Source.data(path, page) for path in _DEPLOYMENT["paths"]],
            content_type="text/html; charset=utf-8",
            destination_bucket=bucket,
            cache_control=fresh,
            # Of the rest of the bucket it knows nothing.
            prune=False,
            log_group=log_group,
        )
        _acknowledge_uploader(self, bucket)


def _acknowledge_uploader(scope: Construct, bucket: s3.IBucket) -> None:
    """Accept CDK's own uploading function, which runs at deployment only, with a role that CDK writes."""
    uploader = next(
        child for child in Stack.of(scope).node.children if child.node.id.startswith("Custom::CDKBucketDeployment")
    )
    acknowledge(
        uploader,
        reason="CDK's own uploader: it runs at deployment only and reaches the asset bucket and the web bucket.",
        rules=(
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
            *(
                f"AwsSolutions-IAM5[Action::s3:{action}*]"
                for action in ("Abort", "DeleteObject", "GetBucket", "GetObject", "List")
            ),
            wildcard_finding(scope, f"{bucket.bucket_arn}/*"),
            f"AwsSolutions-IAM5[Resource::arn:aws:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-{Stack.of(scope).region}/*]",
            "AwsSolutions-L1",
            "NIST.800.53.R5-LambdaDLQ",
            "Serverless-LambdaDLQ",
            "Serverless-LambdaLatestVersion",
            "Serverless-LambdaTracing",
        ),
    )


def content_security_policy(*, region: str, sign_in_domain: str, pathways: Pathways) -> str:
    """Return the policy that the page is written for.

    Parameters
    ----------
    region
        That of the user pools.
    sign_in_domain
        The host that gives viewers their tokens.
    pathways
        From which the page may load segments.
    """
    hosts = "".join(f" {one.base_url.removesuffix('/')}" for one in pathways.further)
    policy: str = _DEPLOYMENT["content_security_policy"]
    return policy.format(region=region, sign_in_domain=sign_in_domain, pathways=hosts)


def only(files: Iterable[str]) -> list[str]:
    """Return the patterns, as Git reads them, that exclude all but `files`.

    Git does not look into a folder that is excluded, so the folders of `files` are admitted, and emptied again.
    """
    names = list(files)
    folders = sorted({str(folder) for name in names for folder in PurePosixPath(name).parents} - {"."})
    return [
        "*",
        *(line for folder in folders for line in (f"!{folder}/", f"{folder}/*")),
        *(f"!{name}" for name in names),
    ]


def _install_library() -> None:
    """Bring the pinned library, where nobody has run ``npm ci`` yet.

    Raises
    ------
    PlayerLibraryError
        If npm is missing or fails.
    """
    if _LIBRARY.is_dir():
        return
    try:
        subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise PlayerLibraryError("the player library is missing: run `npm ci` in the repository, online") from error
