"""Synthesis inside this process: what the reports, the cost sheet and the tests of the stacks look at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from aws_cdk import App

from stacks.assembly import Template, findings_of
from stacks.constructs.context_stack import ContextStack
from stacks.platform import Marquee, enforce_policy
from stacks.settings import OPT_INS, Settings, profile

CONFIGURATIONS: Mapping[str, Settings] = {
    "sandbox": profile("sandbox"),
    "sandbox with every opt-in": profile("sandbox", opt_ins=OPT_INS),
    "production": profile("production"),
}
"""Every configuration that anybody deploys, by name."""

_CDK_JSON = Path(__file__).resolve().parents[1] / "cdk.json"
_CONSTRUCT_PATHS = "aws:cdk:enable-path-metadata"


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """One platform, synthesised.

    Parameters
    ----------
    directory
        The cloud assembly of the whole app.
    refusal
        What the policy gate had to say, if it did not let the app pass. The templates are there either way.
    """

    platform: Marquee
    directory: Path
    refusal: str | None

    @property
    def settings(self) -> Settings:
        """The platform's."""
        return self.platform.settings

    @cached_property
    def templates(self) -> Mapping[str, Template]:
        """The templates, by the id of their stack; each resource names its construct in its metadata."""
        return {stack.node.id: self._read(stack.template_file) for stack in self.stacks.values()}

    @cached_property
    def stacks(self) -> Mapping[str, ContextStack]:
        """The stacks, by id."""
        return {stack.node.id: stack for stack in self.platform.stacks if isinstance(stack, ContextStack)}

    @cached_property
    def findings(self) -> tuple[tuple[str, str], ...]:
        """What the rule packs and CDK's own checks found, and nobody has acknowledged: rule, construct path."""
        return tuple((finding.rule, finding.construct) for finding in findings_of(self.directory))

    def _read(self, name: str) -> Template:
        template: Template = json.loads((self.directory / f"assembly-{self.platform.node.id}" / name).read_text())
        return template


def new_app(directory: Path) -> App:
    """Return an app as the CDK CLI would make it: the flags of ``cdk.json``, construct paths in the templates."""
    context = json.loads(_CDK_JSON.read_text())["context"]
    return App(outdir=str(directory), context={**context, _CONSTRUCT_PATHS: True})


def synthesise(settings: Settings, directory: Path) -> Synthesis:
    """Synthesise a platform into `directory`, with the policy gate on."""
    app = new_app(directory)
    platform = Marquee(app, settings=settings)
    enforce_policy(platform)
    refusal = None
    try:
        app.synth()
    except RuntimeError as error:
        refusal = str(error)
    return Synthesis(platform=platform, directory=directory, refusal=refusal)
