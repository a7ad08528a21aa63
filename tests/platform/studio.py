"""Small deliveries: a clip of a few seconds, whole or spoilt, and a manifest that may say anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encoder.tools import ffmpeg
from lambdas.common.keys import MANIFEST_NAME, DeliveryLocation
from sandbox.demo import Up
from sandbox.studio import send_by_sftp

STUDIO = "blender"
FEATURE = "feature.mov"
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Clips:
    """What small deliveries are made of."""

    whole: bytes
    sound_only: bytes

    @classmethod
    def render(cls, folder: Path) -> Clips:
        """Make eight seconds of moving noise, which is slow to encode for its size, with a tone."""
        picture = ("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=8,noise=alls=40:allf=t")
        sound = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=8")
        whole, sound_only = folder / "whole.mov", folder / "sound-only.mov"
        # The index first, so that a file whose end is missing can still be opened.
        encoded = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p", "-c:a", "aac")
        ffmpeg(*picture, *sound, *encoded, "-movflags", "+faststart", whole)
        ffmpeg(*sound, "-c:a", "aac", sound_only)
        return cls(whole=whole.read_bytes(), sound_only=sound_only.read_bytes())


def manifest_of(title_id: str, files: Mapping[str, bytes]) -> Manifest:
    """Return the manifest of a delivery of one feature, as a careful studio would write it."""
    return {
        "schema_version": 1,
        "studio": STUDIO,
        "title": {"title_id": title_id, "name": f"The title {title_id}"},
        "files": [
            {
                "name": name,
                "role": "feature",
                "size_bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for name, content in files.items()
        ],
    }


def send(
    up: Up, *, name: str, files: Mapping[str, bytes], manifest: Manifest | bytes, folder: Path
) -> DeliveryLocation:
    """Send a delivery by SFTP, its manifest last; `folder` holds it on the way."""
    folder.mkdir(parents=True, exist_ok=True)
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    paths = []
    for file, content in {**files, MANIFEST_NAME: text}.items():
        path = folder / file
        path.write_bytes(content)
        paths.append(path)
    send_by_sftp(
        files=paths,
        folder=name,
        user=STUDIO,
        key=up.studio_key,
        host="127.0.0.1",
        port=up.cloud.sftp_port,
        progress=lambda _: None,
    )
    return DeliveryLocation(studio=STUDIO, delivery_id=name)
