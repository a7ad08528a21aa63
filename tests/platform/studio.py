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
    short: bytes
    """Four seconds of a soft picture: as little to encode as is accepted, in one rung."""
    black_for_five_seconds: bytes
    """From 00:00:01:00; a person has to look at it."""
    sound_only: bytes

    @classmethod
    def render(cls, folder: Path) -> Clips:
        """Make six or eight seconds of a test picture, which few rungs are enough for, with a tone of -27 LKFS."""
        # The encoder overshoots what it is given: with this margin the levels stay legal.
        legal = "limiter=min=40:max=215,setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
        picture = ("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=8,format=yuv420p")
        sound = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=8,volume=-8.2dB")
        encoded = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p", "-c:a", "aac")
        whole, sound_only, black = folder / "whole.mov", folder / "sound-only.mov", folder / "black.mov"
        short = folder / "short.mov"
        # The index first, so that a file whose end is missing can still be opened.
        faststart = ("-movflags", "+faststart")
        ffmpeg(*picture, *sound, "-vf", legal, *encoded, *faststart, "-t", "6", whole)
        enlarged = "testsrc2=size=80x45:rate=25:duration=4,scale=640:360:flags=bicubic,setsar=1,format=yuv420p"
        soft = ("-f", "lavfi", "-i", enlarged)
        ffmpeg(*soft, *sound, "-vf", legal, *encoded, *faststart, "-t", "4", short)
        hidden = f"{legal},drawbox=color=black:thickness=fill:enable='between(n,25,149)'"
        ffmpeg(*picture, *sound, "-vf", hidden, *encoded, *faststart, black)
        ffmpeg(*sound, "-c:a", "aac", sound_only)
        return cls(
            whole=whole.read_bytes(),
            short=short.read_bytes(),
            black_for_five_seconds=black.read_bytes(),
            sound_only=sound_only.read_bytes(),
        )


def manifest_of(title_id: str, files: Mapping[str, bytes]) -> Manifest:
    """Return the manifest of a delivery of one feature, as a careful studio would write it."""
    return {
        "schema_version": 2,
        "studio": STUDIO,
        "title": {"title_id": title_id, "name": f"The title {title_id}"},
        "rights": [{"territories": ["WORLD"], "starts_at": "2026-01-01T00:00:00Z"}],
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
