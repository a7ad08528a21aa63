"""AWS's architecture icons, from the package in which AWS itself publishes them; none of its code runs.

Licence and terms: decision 0041.
"""

from __future__ import annotations

import base64
import re
import tarfile
from collections.abc import Iterable, Mapping
from importlib import metadata

PACKAGE = "aws-prototyping-sdk.aws-arch"
_AS_DATA = "data:image/svg+xml;base64,"
_IN_ARCHIVE = "package/assets/{name}.svg"
_IMAGE = re.compile(r'<image xlink:href="([^"]+)" (width="[^"]+" height="[^"]+") preserveAspectRatio="[^"]+"')


class IconsMissingError(Exception):
    """The package is not installed, or has no such icon; the message names the remedy."""


def named(svg: str) -> set[str]:
    """Return the icons that a picture of Graphviz's names."""
    return {name for name, _ in _IMAGE.findall(svg)}


def embedded(svg: str, icons: Mapping[str, bytes]) -> str:
    """Return a picture of Graphviz's with the icons that it names in it, each once, so that it stands alone."""
    defined = "".join(
        f'<image id="{_id(name)}" {size} xlink:href="{_AS_DATA}{base64.b64encode(icons[name]).decode()}"/>\n'
        for name, size in sorted(set(_IMAGE.findall(svg)))
    )
    svg = _IMAGE.sub(lambda found: f'<use xlink:href="#{_id(found[1])}"', svg)
    return svg.replace("<g id=", f"<defs>\n{defined}</defs>\n<g id=", 1) if defined else svg


def read(names: Iterable[str]) -> Mapping[str, bytes]:
    """Return icons as SVG, unchanged, by their names in the package: ``compute/lambda/service_icon``.

    Raises
    ------
    IconsMissingError
        If one cannot be had.
    """
    wanted = {_IN_ARCHIVE.format(name=name): name for name in names}
    found: dict[str, bytes] = {}
    if not wanted:
        return found
    try:
        [archive] = (file for file in metadata.files(PACKAGE) or () if file.name.endswith(".jsii.tgz"))
    except (metadata.PackageNotFoundError, ValueError) as error:
        raise IconsMissingError(f"the package {PACKAGE} is not installed as it has to be: run `make setup`") from error
    with tarfile.open(str(archive.locate())) as files:
        for file in files:
            if file.name in wanted and (content := files.extractfile(file)):
                found[wanted[file.name]] = content.read()
    if missing := wanted.values() - found.keys():
        raise IconsMissingError(f"{PACKAGE} has no icon {', '.join(sorted(missing))}: choose one that it has")
    return found


def _id(name: str) -> str:
    return name.replace("/", "-")
