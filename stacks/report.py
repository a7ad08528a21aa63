"""Write ``docs/generated``: policy findings that are accepted, who may do what, three sheets of the pack, two diagrams.

Run as ``python -m stacks.report``; ``make docs`` does.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from stacks import access
from stacks.assembly import Acknowledgement, Assembly, acknowledged, acknowledgements_of, read
from stacks.declared import Declared
from stacks.pack.diagrams import diagrams
from stacks.pack.sheets import by_profile, cost, data, quotas
from stacks.pack.write import draw
from stacks.synthesis import CONFIGURATIONS, Synthesis, synthesise

PAGE = Path(__file__).resolve().parents[1] / "docs" / "generated" / "acknowledgements.md"
PRODUCTION_ONLY = "NIST.800.53.R5-"
"""How the rules of the pack begin that is in force in production only."""
_DRAWN = {"stacks", "events"}
"""The diagrams that the documentation shows, of production."""

_PROFILES = ("production", "sandbox")
"""Whose sheets the documentation has."""

_HEAD = """\
# Acknowledged policy findings

Written by `python -m stacks.report`; do not edit. The packs AwsSolutions and Serverless are in force in every
configuration, NIST.800.53.R5 in production. A finding that is not in this list stops the synthesis; a line of this
list that matches no finding fails `tests/stacks/test_policy.py`.

`<profile>` stands for the profile's name.
"""
_TABLE = """
## {title}

| Construct | Rule | Why it is safe | Configurations |
|---|---|---|---|
"""


def acknowledgements(synthesis: Synthesis) -> Iterator[Acknowledgement]:
    """Yield what is acknowledged in one configuration, by paths below its profile; the profile's own is empty.

    A rule and a path read alike in every configuration. What is said of a pack that is not in force there is left out:
    nothing is accepted by it.
    """
    own, profile = synthesis.platform.node.metadata, synthesis.platform.node.id
    found = [one for entry in own for one in acknowledged(profile, entry.type, entry.data)]
    found += [one for one in acknowledgements_of(synthesis.directory) if one.path.startswith(f"{profile}/")]
    for one in found:
        if synthesis.platform.settings.production or not one.rule.startswith(PRODUCTION_ONLY):
            path = one.path.removeprefix(profile).removeprefix("/")
            yield one._replace(path=path, rule=one.rule.replace(f"-{profile}-", "-<profile>-"))


def page(configurations: Mapping[str, Iterable[Acknowledgement]]) -> str:
    """Return the page's text, from the acknowledgements of each configuration."""
    where = defaultdict(list)
    for name, found in configurations.items():
        for acknowledgement in sorted(set(found)):
            where[acknowledgement].append(name)
    rows: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for acknowledgement, names in where.items():
        everywhere = len(names) == len(configurations)
        row = (acknowledgement.path, acknowledgement.reason, "all" if everywhere else ", ".join(names))
        rows[row].append(f"`{acknowledgement.rule}`")
    text = _HEAD
    for stack, group in groupby(sorted(rows), key=lambda row: row[0].partition("/")[0]):
        text += _TABLE.format(title=stack or "The whole platform")
        for row in group:
            path, reason, configured = row
            construct = f"`{path.partition('/')[2]}`" if "/" in path else "all of it"
            text += f"| {construct} | {'<br>'.join(sorted(rows[row]))} | {reason} | {configured} |\n"
    return text


def sheets_of(assemblies: Mapping[str, Assembly], folders: Mapping[str, Path]) -> dict[str, str]:
    """Return the pages of the pack's sheets that the documentation has, by name."""
    return {
        "cost": by_profile({name: cost(assemblies[name], folders[name]) for name in _PROFILES}),
        "quotas": by_profile({name: quotas(assemblies[name]) for name in _PROFILES}),
        "data": by_profile({name: data(assemblies[name]) for name in _PROFILES}),
    }


def main() -> None:
    """Synthesise every configuration and write the pages."""
    with tempfile.TemporaryDirectory() as folder:
        made = {name: synthesise(settings, Path(folder, name)) for name, settings in CONFIGURATIONS.items()}
        accepted = {name: tuple(acknowledgements(synthesis)) for name, synthesis in made.items()}
        declared = {name: Declared(synthesis) for name, synthesis in made.items()}
        assemblies = {name: read(synthesis.directory) for name, synthesis in made.items()}
        draw({name: graph for name, graph in diagrams(assemblies["production"]) if name in _DRAWN}, folder=PAGE.parent)
        sheets = sheets_of(assemblies, {name: synthesis.directory for name, synthesis in made.items()})
        granted = {name: tuple(access.grants(found)) for name, found in declared.items()}
        allowed = access.by_handler(declared.values())
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(accepted))
    for name, text in sheets.items():
        PAGE.with_name(f"{name}.md").write_text(text)
    access.PAGE.write_text(access.page(granted, assemblies.values()))
    access.BY_HANDLER.write_text(json.dumps(allowed, indent=2) + "\n")


if __name__ == "__main__":
    main()
