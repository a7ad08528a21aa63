"""The demo: a film's whole way through the synthesised, deployed stacks, on one machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from rich.console import Console

from lambdas.common.keys import DeliveryLocation
from lambdas.common.ladder import LadderReport
from sandbox.assembly import Assembly, synthesise
from sandbox.cloud import ACCOUNT, REGION, EmbeddedCloud
from sandbox.deployed import Deployed
from sandbox.edge import Edge
from sandbox.edge_deployment import read_deployment
from sandbox.film import SampleDelivery, render_sample
from sandbox.ladders import ladder_of
from sandbox.pipeline import Outcome, follow
from sandbox.sign_in import admit_edge
from sandbox.spending import Spent, spent_on
from sandbox.steps import Steps
from sandbox.studio import SshKey, send_by_sftp, ssh_key
from sandbox.studio_user import new_studio_user
from sandbox.toolchain import PROJECT_ROOT, run_cdk, tool_environment
from sandbox.viewer import Viewer, new_viewer
from uploader.credentials import Credentials

WORK_DIR = PROJECT_ROOT / ".marquee"
PROFILE = "sandbox"
REPLICA_REGION = "us-west-2"
ENCODER_IMAGE = "marquee/encoder:local"
"""Names the encoder; the embedded cloud runs ``python -m encoder`` in its place."""
_PUBLISH_TIMEOUT_S = 900.0


@dataclass(frozen=True, kw_only=True)
class Up:
    """The platform, deployed in a running embedded cloud and served by a running edge."""

    cloud: EmbeddedCloud
    edge: Edge
    platform: Deployed
    assembly: Assembly
    studio_key: SshKey


@dataclass(frozen=True, kw_only=True)
class Published:
    """A film that a viewer can play, and that its studio can follow."""

    delivery: SampleDelivery
    location: DeliveryLocation
    outcome: Outcome
    spent: Spent
    ladder: LadderReport | None
    """How its rungs were found; none, if nobody has searched."""
    viewer: Viewer
    desk: Credentials
    """What the studio signs in to its dashboard with."""


class Demo:
    """Brings the platform up, and a film through it.

    Parameters
    ----------
    console
        Where progress is shown.
    work_dir
        Everything that the demo writes goes here.
    context
        Added to the context that the app is synthesised with.
    """

    def __init__(
        self, *, console: Console, work_dir: Path = WORK_DIR, context: Mapping[str, str] | None = None
    ) -> None:
        self.steps = Steps(console)
        self._context = context or {}
        self._work_dir = work_dir
        self._logs = work_dir / "logs"

    def film(self) -> SampleDelivery:
        """Render the sample film, or take the one that is there."""
        with self.steps.step("Render the sample film", remedy="run `make setup` again") as step:
            step.tell("ProRes 422 HQ, 1080p")
            return render_sample(self._work_dir / "film", cache=True)

    def synthesise(self, *, key: SshKey) -> Assembly:
        """Synthesise the sandbox with all that it may opt in to, and with the policy gate on."""
        log = self._logs / "synth.log"
        with self.steps.step("Synthesise the stacks", remedy=f"read {log}"):
            return synthesise(
                profile=PROFILE,
                folder=self._work_dir / "cdk.out",
                context={
                    "sandbox_opt_ins": "sftp,web_acl,content_key,rate_limits",
                    "encoder_image": ENCODER_IMAGE,
                    "sign_in_endpoint": "/cognito/",
                    "sign_in_domain": "/",
                    "loopback_webhooks": "true",
                    "first_retry_pause_s": "2",
                    "ssh_keys": f'{{"blender": "{key.public}"}}',
                    **self._context,
                },
                log=log,
            )

    @contextmanager
    def up(self, *, detached: bool = False, port: int | None = None) -> Iterator[Up]:
        """Bring the platform up; on leaving, take it down again, unless it is detached.

        Parameters
        ----------
        port
            Where the player is served; a free port by default.
        """
        key = ssh_key(self._work_dir / "studio-key")
        assembly = self.synthesise(key=key)
        with ExitStack() as stack:
            cloud = EmbeddedCloud(work_dir=self._work_dir / "cloud")
            with self.steps.step("Start the embedded cloud", remedy=f"read {cloud.log_path}"):
                cloud.start(detached=detached)
            if not detached:
                stack.callback(cloud.stop)
            self._deploy(cloud, assembly)
            platform = deployed_in(cloud)
            with self.steps.step("Start the edge", remedy=f"read {self._work_dir / 'edge' / 'error.log'}"):
                edge = Edge(
                    deployment=read_deployment(
                        session=platform.session,
                        endpoint=cloud.endpoint,
                        distribution_id=platform.output("delivery", "DistributionId"),
                    ),
                    endpoint=cloud.endpoint,
                    work_dir=self._work_dir / "edge",
                    port=port,
                ).start(detached=detached)
            if not detached:
                stack.callback(edge.stop)
            admit_edge(platform, edge.url)
            yield Up(cloud=cloud, edge=edge, platform=platform, assembly=assembly, studio_key=key)

    def _deploy(self, cloud: EmbeddedCloud, assembly: Assembly) -> None:
        environment = {**cloud.child_environment(), **tool_environment(home=self._work_dir / "cdk-home")}
        log = self._logs / "bootstrap.log"
        with self.steps.step("Bootstrap two regions", remedy=f"read {log} and {cloud.log_path}"):
            run_cdk(
                "bootstrap",
                *(f"aws://{ACCOUNT}/{region}" for region in (REGION, REPLICA_REGION)),
                "--app",
                str(assembly.folder),
                environment=environment,
                log=log,
            )
        log = self._logs / "deploy.log"
        with self.steps.step(
            f"Deploy {assembly.stacks} stacks, {assembly.resources} resources",
            remedy=f"read {log} and {cloud.log_path}",
        ):
            run_cdk(
                "deploy",
                f"{assembly.profile}/*",
                "--app",
                str(assembly.folder),
                "--require-approval",
                "never",
                "--concurrency",
                "4",
                "--progress",
                "events",
                environment=environment,
                log=log,
            )

    def publish(self, up: Up, delivery: SampleDelivery) -> Published:
        """Send the film by SFTP, as its studio would, and follow it until it is published."""
        location = DeliveryLocation(studio=delivery.manifest.studio, delivery_id=f"delivery-{int(time.time())}")
        size = sum(file.stat().st_size for file in delivery.upload_order)
        with self.steps.step(
            f"Upload {size / 1e6:.0f} MB by SFTP", remedy=f"read {up.cloud.log_path}; is the studio's key deployed?"
        ) as step:
            send_by_sftp(
                files=delivery.upload_order,
                folder=location.delivery_id,
                user=location.studio,
                key=up.studio_key,
                host="127.0.0.1",
                port=up.cloud.sftp_port,
                progress=lambda sent: step.advance_to(sent, of=size),
            )
        with self.steps.step(
            "Ingest, encode, package, publish",
            remedy=f"read {up.cloud.log_path}; the jobs' logs are in the embedded cloud's CloudWatch Logs",
        ) as step:
            outcome = follow(
                up.platform,
                delivery=location,
                title_id=delivery.manifest.title.title_id,
                timeout_s=_PUBLISH_TIMEOUT_S,
                tell=step.tell,
            )
            spent = spent_on(up.platform, outcome.version_id)
            title_id = delivery.manifest.title.title_id
            ladder = ladder_of(up.platform, title_id=title_id, version_id=outcome.version_id)
        return Published(
            delivery=delivery,
            location=location,
            outcome=outcome,
            spent=spent,
            ladder=ladder,
            viewer=new_viewer(up.platform),
            desk=new_studio_user(
                up.platform, studio=location.studio, site=up.edge.url, folder=self._work_dir / "studios"
            ),
        )


def deployed_in(cloud: EmbeddedCloud) -> Deployed:
    """Return the platform that is deployed in an embedded cloud."""
    session = boto3.session.Session(
        aws_access_key_id="embedded",
        aws_secret_access_key="embedded",  # noqa: S106 - the embedded cloud checks no credentials
        region_name=REGION,
    )
    return Deployed(session=session, profile=PROFILE, endpoint=cloud.endpoint)
