"""The peer of `bench.publishing`: ``python -m bench.streamer LADDER OUTPUT`` runs shaka-streamer on a ladder.

Of x264's presets shaka-streamer gives no choice: it is ``slow`` for films. Here it takes the ladder's.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

_LOOK_AGAIN_S = 0.2


class Ladder(BaseModel):
    """What shaka-streamer is asked for: its three configurations, and x264's preset."""

    input: dict[str, Any]
    pipeline: dict[str, Any]
    bitrates: dict[str, Any]
    preset: str


def stream(ladder: Ladder, *, output: Path) -> bool:
    """Encode and package `ladder` into `output` with the binaries of its own package; return whether that went well."""
    from streamer.controller_node import ControllerNode  # noqa: PLC0415 - others need the ladder's model only
    from streamer.node_base import ProcessStatus  # noqa: PLC0415
    from streamer.transcoder_node import TranscoderNode  # noqa: PLC0415

    stock = TranscoderNode._encode_video  # noqa: SLF001 - it has no setting for this

    def encode_video(*given: object) -> list[str]:
        arguments: list[str] = stock(*given)
        arguments[arguments.index("-preset") + 1] = ladder.preset
        return arguments

    TranscoderNode._encode_video = encode_video  # noqa: SLF001
    controller = ControllerNode()
    with controller.start(str(output), ladder.input, ladder.pipeline, ladder.bitrates):
        while (status := controller.check_status()) == ProcessStatus.RUNNING:
            time.sleep(_LOOK_AGAIN_S)
    return bool(status == ProcessStatus.FINISHED)


if __name__ == "__main__":
    _, given, output = sys.argv
    sys.exit(not stream(Ladder.model_validate_json(Path(given).read_text()), output=Path(output)))
