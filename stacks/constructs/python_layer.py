"""A Lambda layer of pure-Python distributions, made from what is installed: no network, no Docker."""

from __future__ import annotations

import shutil
import tempfile
from importlib.metadata import distribution
from pathlib import Path

from aws_cdk import AssetHashType
from aws_cdk import aws_lambda as lambda_
from constructs import Construct


class PurePythonLayer(lambda_.LayerVersion):
    """A layer that holds installed distributions which have no compiled part.

    Raises
    ------
    ValueError
        If a distribution has a compiled part: it would be of this machine's kind and not of Lambda's.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        distributions: tuple[str, ...],
        runtime: lambda_.Runtime,
    ) -> None:
        releases = [distribution(name) for name in distributions]
        with tempfile.TemporaryDirectory() as folder:
            for release in releases:
                if "Root-Is-Purelib: true" not in (release.read_text("WHEEL") or ""):
                    raise ValueError(f"{release.name} has a compiled part and cannot be a pure-Python layer")
                for file in release.files or ():
                    if file.suffix != ".pyc" and ".." not in file.parts:
                        target = Path(folder, "python", file)
                        target.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(str(file.locate()), target)
            super().__init__(
                scope,
                construct_id,
                code=lambda_.Code.from_asset(
                    folder,
                    asset_hash_type=AssetHashType.CUSTOM,
                    asset_hash="-".join(f"{release.name}-{release.version}" for release in releases),
                ),
                compatible_runtimes=[runtime],
                description=", ".join(f"{release.name} {release.version}" for release in releases),
            )
