"""One film, as each context sees it. Tests change what they are about and leave the rest."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from lambdas.common.events import SourceAccepted, Verification, VersionPackaged
from lambdas.common.keys import Analysis, PublishedVersion
from lambdas.common.media import (
    AudioFacts,
    Manifests,
    MediaFacts,
    ObjectRef,
    Rendition,
    RightsWindow,
    SubtitleSource,
    Tier,
    TitleMetadata,
    VideoFacts,
)
from lambdas.encoding.models import ContentKey, VideoRecipe

STUDIO, DELIVERY, TITLE, VERSION = "blender", "2026-11-bunny", "big-buck-bunny", "v0123456789abcdef"
FEATURE, SUBTITLES = "bunny.mov", "bunny.en.vtt"
FEATURE_SHA = hashlib.sha256(b"feature").hexdigest()
SUBTITLES_SHA = hashlib.sha256(b"subtitles").hexdigest()

TITLE_METADATA = TitleMetadata(title_id=TITLE, name="Big Buck Bunny", year=2008, credit="Blender Foundation")
VIDEO = VideoFacts(
    codec="prores",
    profile="HQ",
    commercial_name="ProRes 422 HQ",
    width=1920,
    height=1080,
    sample_aspect_ratio="1/1",
    pixel_format="yuv422p10le",
    bit_depth=10,
    chroma_subsampling="4:2:2",
    frame_rate="24/1",
    constant_frame_rate=True,
    frames=600,
    start_s=0.0,
    duration_s=25.0,
    field_order="progressive",
    scan_type="Progressive",
    color_range="tv",
    color_primaries="bt709",
    color_transfer="bt709",
    color_space="bt709",
)
AUDIO = AudioFacts(
    codec="pcm_s24le",
    channels=2,
    channel_layout="stereo",
    sample_rate_hz=48_000,
    bit_depth=24,
    language="eng",
    start_s=0.0,
    duration_s=25.0,
)
FACTS = MediaFacts(container="mov", duration_s=25.0, timecode="01:00:00:00", video=VIDEO, audio=(AUDIO,))
DELIVERED_AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
RIGHTS = RightsWindow.model_validate({"territories": ["WORLD"], "starts_at": "2008-04-10T00:00:00Z"})


def manifest(**changes: Any) -> dict[str, Any]:
    """A delivery's manifest as JSON values."""
    return {
        "schema_version": 2,
        "studio": STUDIO,
        "title": TITLE_METADATA.model_dump(),
        "priority": "licensed",
        "rights": [RIGHTS.model_dump(mode="json")],
        "files": [
            {"name": FEATURE, "role": "feature", "size_bytes": 1000, "sha256": FEATURE_SHA},
            {
                "name": SUBTITLES,
                "role": "subtitles",
                "size_bytes": 100,
                "sha256": SUBTITLES_SHA,
                "language": "en",
            },
        ],
    } | changes


def source_accepted(**changes: Any) -> SourceAccepted:
    raw = {"bucket": "raw", "key": f"{STUDIO}/{DELIVERY}/{FEATURE}"}
    subtitles = {"bucket": "raw", "key": f"{STUDIO}/{DELIVERY}/{SUBTITLES}"}
    values = {
        "studio": STUDIO,
        "delivery_id": DELIVERY,
        "version_id": VERSION,
        "title": TITLE_METADATA,
        "priority": "licensed",
        "delivered_at": DELIVERED_AT,
        "media": ObjectRef.model_validate(raw),
        "facts": FACTS,
        "analysis": ObjectRef(bucket="work", key=Analysis(VERSION).report),
        "thumbnails": ObjectRef(bucket="work", key=Analysis(VERSION).thumbnails),
        "rights": (RIGHTS,),
        "subtitles": (SubtitleSource(source=ObjectRef.model_validate(subtitles), language="en"),),
    }
    return SourceAccepted.model_validate(values | changes)


def version_packaged(**changes: Any) -> VersionPackaged:
    version = changes.get("version_id", VERSION)
    where = PublishedVersion(title_id=TITLE, version_id=version)
    values = {
        "studio": STUDIO,
        "delivery_id": DELIVERY,
        "title_id": TITLE,
        "version_id": version,
        "duration_s": 25.04,
        "manifests": Manifests(dash=where.dash, hls=where.hls),
        "poster": where.poster,
        "thumbnails": where.thumbnails,
        "verification": Verification(verified=True, checked_at=DELIVERED_AT, objects=60),
        "renditions": (
            Rendition(
                rung="1080p",
                codec="h264",
                width=1920,
                height=1080,
                bitrate_kbps=4980.5,
                vmaf_mean=95.1,
                vmaf_p5=91.7,
                tier=Tier.HD,
            ),
        ),
        "key_ids": {Tier.AUDIO: "a" * 32, Tier.HD: "c" * 32},
    }
    return VersionPackaged.model_validate(values | changes)


def recipe(rung: str, width: int, height: int, tier: Tier) -> VideoRecipe:
    return VideoRecipe(
        rung=rung,
        width=width,
        height=height,
        bitrate_kbps=height * 4,
        maxrate_kbps=height * 6,
        buffer_kbits=height * 8,
        profile="high",
        preset="veryfast",
        tier=tier,
    )


LADDER = (
    recipe("1080p", 1920, 1080, Tier.HD),
    recipe("720p", 1280, 720, Tier.HD),
    recipe("480p", 854, 480, Tier.SD),
    recipe("360p", 640, 360, Tier.SD),
)
KEYS = tuple(
    ContentKey(tier=tier, key_id=digit * 32, wrapped=f"wrapped-{tier}")
    for tier, digit in ((Tier.AUDIO, "a"), (Tier.SD, "b"), (Tier.HD, "c"))
)
