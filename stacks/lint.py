"""What cfn-lint has to say of synthesised templates, each against the schemas of its own region.

Run as ``python -m stacks.lint ASSEMBLY ...`` with the folders of cloud assemblies; ``make check`` does. What is ignored
stands in ``.cfnlintrc``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cfnlint.config import ConfigMixIn
from cfnlint.decode.decode import decode_str
from cfnlint.runner import Runner

from stacks.assembly import Template, read


@cache
def _runner(region: str) -> Runner:
    """Return the runner of a region: making one takes as long as using it."""
    return Runner(ConfigMixIn(regions=[region]))


def findings(template: Template, *, region: str) -> list[str]:
    """Return the errors and warnings of a template that is deployed in `region`."""
    read, unreadable = decode_str(json.dumps(template))
    return [*map(str, unreadable), *map(str, _runner(region).validate_template(read))]


def main(assemblies: Sequence[str]) -> int:
    """Print what is found in the stacks of `assemblies`; return 0, if there are stacks and nothing is."""
    stacks = [stack for assembly in assemblies for stack in read(Path(assembly)).stacks]
    found = [
        f"{stack.stack_name}: {said}" for stack in stacks for said in findings(stack.template, region=stack.region)
    ]
    sys.stdout.writelines(f"{line}\n" for line in (*found, f"cfn-lint: {len(stacks)} stacks, {len(found)} findings"))
    return int(bool(found) or not stacks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
