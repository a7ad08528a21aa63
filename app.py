"""The composition root: settings, a stage a profile, the stacks of each. No resource is declared here.

Context
-------
profiles
    Which profiles to synthesise, separated by commas (``sandbox``, ``production``).
sandbox_opt_ins
    What the sandbox switches on although it bills while idle, separated by commas; see ``stacks/settings.py``.
encoder_image
    The encoder's image URI; without one, the deployment builds it with Docker.
sign_in_endpoint
    Where the dashboard signs studios in, if not at Cognito's own endpoint.
sign_in_domain
    Where the player signs viewers in, if not at the domain of their user pool: an address that ends with a slash.
loopback_webhooks
    ``true``: a studio's webhook may be on the machine itself, as it is in the embedded cloud.
first_retry_pause_s
    The longest pause before a failed job's first retry, in seconds, where a minute is too long to watch.
playback_quota
    How many requests of playback one viewer may send in a minute, where a test or a measurement sends more.
drm_vendors_secret
    The ARN of the secret that names the DRM vendors, where there are contracts.
ssh_keys
    A JSON object of SSH public keys by studio, which may then deliver by SFTP.
"""

from __future__ import annotations

import json
from dataclasses import replace

from aws_cdk import App

from stacks.platform import Marquee, enforce_policy
from stacks.settings import Settings, profile, with_ssh_keys


def settings_of(app: App, name: str) -> Settings:
    """Return the settings of profile `name`, as the app's context adjusts them."""
    opt_ins = app.node.try_get_context("sandbox_opt_ins") or ""
    settings = profile(name, opt_ins=tuple(opt for opt in opt_ins.split(",") if opt and name == "sandbox"))
    if image := app.node.try_get_context("encoder_image"):
        settings = replace(settings, encoding=replace(settings.encoding, image=image))
    if endpoint := app.node.try_get_context("sign_in_endpoint"):
        settings = replace(settings, delivery=replace(settings.delivery, sign_in_endpoint=endpoint))
    if domain := app.node.try_get_context("sign_in_domain"):
        settings = replace(settings, delivery=replace(settings.delivery, sign_in_domain=domain))
    if app.node.try_get_context("loopback_webhooks") == "true" and name == "sandbox":
        settings = replace(settings, ingestion=replace(settings.ingestion, loopback_webhooks=True))
    if pause := app.node.try_get_context("first_retry_pause_s"):
        settings = replace(settings, encoding=replace(settings.encoding, first_retry_pause_s=int(pause)))
    if quota := app.node.try_get_context("playback_quota"):
        settings = replace(settings, rate_limits=replace(settings.rate_limits, playback=int(quota)))
    if secret := app.node.try_get_context("drm_vendors_secret"):
        settings = replace(settings, playback=replace(settings.playback, drm_vendors_secret=secret))
    keys = app.node.try_get_context("ssh_keys")
    return with_ssh_keys(settings, json.loads(keys)) if keys else settings


def main() -> None:
    """Synthesise the profiles that the context names."""
    app = App()
    names: str = app.node.try_get_context("profiles")
    for name in names.split(","):
        enforce_policy(Marquee(app, settings=settings_of(app, name)))
    app.synth()


if __name__ == "__main__":
    main()
