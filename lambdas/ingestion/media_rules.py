"""The rules of a feature as a whole: its container, and how its tracks go together."""

from __future__ import annotations

from fractions import Fraction
from pathlib import PurePosixPath

from lambdas.common.events import Finding
from lambdas.common.media import MediaFacts
from lambdas.ingestion.findings import EXPORT_AGAIN, finding

CONTAINERS = {"mov": (".mov",), "mp4": (".mp4", ".m4v"), "mxf": (".mxf",)}
"""What is taken, and how the names of such files end."""
MIN_DURATION_S = 4.0
"""One segment: a shorter film cannot be packaged."""
TRACK_SKEW_S = 0.040
"""What picture and sound may differ in length, besides one frame: sound in packets ends where a packet ends."""


def wrong_container(name: str, facts: MediaFacts) -> Finding | None:
    """MOV, MP4 or MXF, whatever the file's name says."""
    if facts.container in CONTAINERS:
        return None
    return finding(
        "CONTAINER_NOT_ALLOWED",
        subject=name,
        message=f"the container is {facts.container}; allowed are {', '.join(CONTAINERS)}",
        remedy=f"Wrap the feature in MOV, MXF or MP4; no new encoding is needed for that: {EXPORT_AGAIN}.",
    )


def wrong_extension(name: str, facts: MediaFacts) -> Finding | None:
    """A file's name ends as its container says."""
    allowed = CONTAINERS.get(facts.container)
    extension = PurePosixPath(name).suffix
    if allowed is None or extension.lower() in allowed:
        return None
    return finding(
        "EXTENSION_MISMATCH",
        subject=name,
        message=f"the name ends in {extension or 'no extension'}, and the file is {facts.container.upper()}",
        remedy=f"Check that it is the right file; if it is, rename it to end in {' or '.join(allowed)}, also in the "
        "manifest, and deliver both again.",
    )


def no_video(name: str, facts: MediaFacts) -> Finding | None:
    """A feature has picture."""
    if facts.video:
        return None
    return finding(
        "NO_VIDEO",
        subject=name,
        message="the feature has no video stream",
        remedy=f"Include the picture: {EXPORT_AGAIN}.",
    )


def no_audio(name: str, facts: MediaFacts) -> Finding | None:
    """A feature has sound: a track that was forgotten looks exactly like a silent film."""
    if facts.audio:
        return None
    return finding(
        "NO_AUDIO",
        subject=name,
        message="the feature has no audio stream",
        remedy=f"Include the sound; a silent film comes with a silent track: {EXPORT_AGAIN}.",
    )


def too_short(name: str, facts: MediaFacts) -> Finding | None:
    """A feature lasts a segment at least."""
    if facts.duration_s >= MIN_DURATION_S:
        return None
    return finding(
        "TOO_SHORT",
        subject=name,
        message=f"the feature lasts {facts.duration_s:.2f} s, and the least is {MIN_DURATION_S:g} s",
        remedy=f"Check that the whole film was exported: {EXPORT_AGAIN}.",
    )


def tracks_differ(name: str, facts: MediaFacts) -> Finding | None:
    """Every track of sound is as long as the picture, give or take a frame and 40 ms."""
    video = facts.video
    if video is None or video.duration_s is None:
        return None
    allowed_s = float(1 / Fraction(video.frame_rate)) + TRACK_SKEW_S
    differing = [
        f"track {number} {audio.duration_s:.3f} s"
        for number, audio in enumerate(facts.audio, start=1)
        if audio.duration_s is not None and abs(audio.duration_s - video.duration_s) > allowed_s
    ]
    if not differing:
        return None
    return finding(
        "TRACKS_DIFFER",
        subject=name,
        message=f"the picture lasts {video.duration_s:.3f} s, and of the sound {', '.join(differing)}; "
        f"they may differ by {allowed_s * 1000:.0f} ms",
        remedy=f"Check that no track was cut or belongs to another version: {EXPORT_AGAIN}.",
    )


RULES = (wrong_container, wrong_extension, no_video, no_audio, too_short, tracks_differ)
