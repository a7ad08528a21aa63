"""One film, as each context sees it. Tests change what they are about and leave the rest."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from lambdas.common.content_keys import ContentKey
from lambdas.common.events import SourceAccepted, Verification, VersionPackaged
from lambdas.common.keys import Analysis, PublishedVersion
from lambdas.common.ladder import (
    Codec,
    CodecLadder,
    DynamicRange,
    EqualQuality,
    FixedRung,
    LadderReport,
    Probe,
    Savings,
    SearchedRung,
)
from lambdas.common.media import (
    AudioFacts,
    HdrFacts,
    Manifests,
    MediaFacts,
    ObjectRef,
    Rendition,
    RightsWindow,
    SubtitleSource,
    Tier,
    TitleMetadata,
    Transfer,
    VideoFacts,
)
from lambdas.encoding.models import LoudnessTarget, SoundCodec, SoundRecipe, SoundRules, VideoRecipe

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
PQ = {
    "hdr": HdrFacts(transfer=Transfer.PQ, max_cll=1000, max_fall=400),
    "color_primaries": "bt2020",
    "color_transfer": "smpte2084",
    "color_space": "bt2020nc",
}
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
HDR10_RUNG = recipe("h265-1080p-hdr10", 1920, 1080, Tier.HD).model_copy(
    update={"codec": Codec.H265, "profile": "main10", "preset": "slow", "dynamic_range": DynamicRange.HDR10}
)
SOUND = SoundRules(
    recipes=(SoundRecipe(name="aac-128", codec=SoundCodec.AAC, kbps={1: 64, 2: 128}),),
    loudness=LoudnessTarget(integrated_lkfs=-27, true_peak_dbtp=-1),
)
KEYS = tuple(
    ContentKey(tier=tier, key_id=digit * 32, wrapped=f"wrapped-{tier}")
    for tier, digit in ((Tier.AUDIO, "a"), (Tier.SD, "b"), (Tier.HD, "c"))
)

_SIZES = {1080: 1920, 720: 1280, 480: 854, 360: 640}
PROBES = tuple(
    Probe(width=_SIZES[height], height=height, crf=crf, kbps=kbps, vmaf=vmaf, vmaf_p5=vmaf - 4.5)
    for height, crf, kbps, vmaf in (
        (1080, 26, 3240.0, 94.2),
        (1080, 20, 6900.0, 97.6),
        (1080, 24, 4120.0, 95.6),
        (1080, 32, 1510.0, 86.7),
        (720, 20, 3300.0, 93.2),
        (720, 24, 2060.0, 90.9),
        (720, 28, 1270.0, 87.0),
        (720, 32, 790.0, 79.4),
        (480, 24, 980.0, 82.3),
        (480, 28, 620.0, 77.9),
        (480, 32, 400.5, 71.0),
        (360, 24, 560.0, 72.5),
        (360, 30, 300.0, 63.9),
    )
)
_HULL = (300.0, 400.5, 620.0, 1270.0, 2060.0, 4120.0, 6900.0)


def searched(rung: str, height: int, crf: float, *, tier: Tier) -> SearchedRung:
    [tried] = [probe for probe in PROBES if (probe.height, probe.crf) == (height, crf)]
    where = {"width": tried.width, "height": height, "tier": tier, "crf": crf}
    return SearchedRung(rung=rung, **where, kbps=tried.kbps, vmaf=tried.vmaf)


def codec_ladder(**changes: Any) -> CodecLadder:
    """A title's ladder in H.264: the hull and the savings are those of its probes and its fixed rungs."""
    fixed = (("1080p", 5870.0, 96.4), ("720p", 2980.0, 92.6), ("480p", 1390.0, 84.8), ("360p", 742.0, 75.6))
    on_hull = ((5063.8, 13.7), (2647.0, 11.2), (1067.9, 23.2), (536.0, 27.8))
    values = {
        "codec": Codec.H264,
        "probes": PROBES,
        "hull": tuple(probe for kbps in _HULL for probe in PROBES if probe.kbps == kbps),
        "rungs": (
            searched("1080p", 1080, 24, tier=Tier.HD),
            searched("720p", 720, 24, tier=Tier.HD),
            searched("720p-2", 720, 28, tier=Tier.HD),
            searched("480p", 480, 28, tier=Tier.SD),
        ),
        "fixed": tuple(
            FixedRung(rung=rung, width=_SIZES[int(rung[:-1])], height=int(rung[:-1]), kbps=kbps, vmaf=vmaf)
            for rung, kbps, vmaf in fixed
        ),
        "savings": Savings(
            equal_vmaf_pct=18.975,
            equal_vmaf=tuple(
                EqualQuality(rung=rung, vmaf=vmaf, fixed_kbps=kbps, hull_kbps=hull, saving_pct=saving)
                for (rung, kbps, vmaf), (hull, saving) in zip(fixed, on_hull, strict=True)
            ),
            at_target_pct=29.8126,
            fixed_misses_target=False,
        ),
    }
    return CodecLadder.model_validate(values | changes)


def ladder_report(**changes: Any) -> LadderReport:
    values = {
        "vmaf_target": 95.0,
        "margin": 0.5,
        "excerpts": 6,
        "excerpt_frames": 72,
        "search_frames": 936,
        "fixed_frames": 288,
        "grid_frames": 8928,
        "ladders": (codec_ladder(),),
    }
    return LadderReport.model_validate(values | changes)
