"""Deliveries that no studio should send, and what has to become of each.

`HOSTILE` end in the validation, or are strange and right; `PLANTED` keep every rule and have a defect that quality
control has to find, at known frames. Each is wrong in one way, so that one finding has to be named, and no other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lambdas.common.keys import MANIFEST_NAME
from lambdas.common.qc import Verdict
from tests.hostile.workshop import Clip, Workshop

STUDIO = "blender"
FEATURE, SUBTITLES = "feature.mov", "feature.en.vtt"
VTT = "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nGrüße\n"
Manifest = dict[str, Any]
State = Literal["accepted", "review", "rejected"]


@dataclass(frozen=True)
class Spoilt:
    """A clip to whose bytes something was done."""

    clip: Clip
    by: Callable[[bytes], bytes]


Content = bytes | Clip | Spoilt


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What quality control has to say: a check, its verdict, and where, to one frame; no frames for the whole film."""

    check: str
    verdict: Verdict
    frames: tuple[int, int] | None = None
    """The first and the last."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """A delivery, ready to be sent."""

    files: Mapping[str, bytes]
    manifest: bytes


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """A delivery, and what becomes of it."""

    name: str
    """Its folder's, and its title's."""
    state: State = "rejected"
    findings: tuple[tuple[str, str], ...] = ()
    """The validation's, each by its code and its subject."""
    planted: Planted | None = None
    files: Mapping[str, Content] = field(default_factory=lambda: {FEATURE: GOOD})
    manifest: Callable[[Manifest], Manifest | bytes] = lambda manifest: manifest
    """What is done to a careful manifest of `files`."""

    @property
    def clips(self) -> tuple[Clip, ...]:
        """What has to be rendered for it."""
        made_of = (content.clip if isinstance(content, Spoilt) else content for content in self.files.values())
        return tuple(clip for clip in made_of if isinstance(clip, Clip))

    def build(self, workshop: Workshop, *, studio: str = STUDIO) -> Built:
        """Return its files and its manifest, in the name of `studio`."""
        files = {name: _bytes(content, workshop) for name, content in self.files.items()}
        manifest = self.manifest(_careful(self.name, files, studio=studio))
        raw = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        return Built(files=files, manifest=raw)


def clips_of(deliveries: Iterable[Hostile]) -> tuple[Clip, ...]:
    """Return every clip that `deliveries` are made of."""
    return tuple(clip for delivery in deliveries for clip in delivery.clips)


def _bytes(content: Content, workshop: Workshop) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, Spoilt):
        return content.by(workshop.path(content.clip).read_bytes())
    return workshop.path(content).read_bytes()


def _careful(title_id: str, files: Mapping[str, bytes], *, studio: str) -> Manifest:
    return {
        "schema_version": 2,
        "studio": studio,
        "title": {"title_id": title_id, "name": f"The title {title_id}"},
        "rights": [{"territories": ["WORLD"], "starts_at": "2026-01-01T00:00:00Z"}],
        "files": [
            {
                "name": name,
                "role": "subtitles" if name.endswith(".vtt") else "feature",
                "size_bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            | ({"language": "en"} if name.endswith(".vtt") else {})
            for name, content in files.items()
        ],
    }


# Manifests ------------------------------------------------------------------------------------------------------------


def _with(**fields: Any) -> Callable[[Manifest], Manifest]:
    return lambda manifest: manifest | fields


def _first_file(**fields: Any) -> Callable[[Manifest], Manifest]:
    return lambda manifest: manifest | {"files": [manifest["files"][0] | fields, *manifest["files"][1:]]}


def _text(change: Callable[[str], str], *, encoding: str = "utf-8") -> Callable[[Manifest], bytes]:
    return lambda manifest: change(json.dumps(manifest)).encode(encoding)


def _named(name: str) -> Callable[[Manifest], Manifest]:
    return lambda manifest: manifest | {"title": manifest["title"] | {"name": name}}


def _bad_manifest(
    name: str, change: Callable[[Manifest], Manifest | bytes], *, subject: str = MANIFEST_NAME, code: str | None = None
) -> Hostile:
    # Nobody looks at the files of a manifest that cannot be read.
    findings = ((code or "MANIFEST_INVALID", subject),)
    return Hostile(name=name, files={FEATURE: b"never looked at"}, manifest=change, findings=findings)


BAD_MANIFESTS = (
    _bad_manifest("manifest-nested", lambda _: b"[" * 100_000),
    _bad_manifest("manifest-nested-in-a-field", _text(lambda text: text[:-1] + ', "x": ' + '{"x":' * 50_000)),
    _bad_manifest("manifest-too-large", _text(lambda text: text + " " * 1024**2), code="MANIFEST_TOO_LARGE"),
    _bad_manifest("manifest-endless-number", _text(lambda text: text.replace('": 15', '": 1' + "0" * 5000))),
    _bad_manifest("manifest-huge-number", _first_file(size_bytes=10**400), subject="files.0.size_bytes"),
    _bad_manifest("manifest-infinite", _text(lambda text: text.replace('": 15', '": 1e999'))),
    _bad_manifest("manifest-key-twice", _text(lambda text: text.replace('"studio"', '"studio": "a", "studio"'))),
    _bad_manifest("manifest-utf16", _text(lambda text: text, encoding="utf-16")),
    _bad_manifest("manifest-byte-order-mark", _text(lambda text: text, encoding="utf-8-sig")),
    _bad_manifest("manifest-half-a-character", _named("Half \ud800 a character")),
    _bad_manifest("manifest-control-character", _named("Bell \a and\nbreak"), subject="title.name"),
    _bad_manifest("manifest-broken-off", _text(lambda text: text[: len(text) // 2])),
    _bad_manifest("manifest-no-rights", _with(rights=[]), subject="rights"),
    _bad_manifest("manifest-version-1", _with(schema_version=1), subject="schema_version", code="MANIFEST_VERSION"),
    _bad_manifest("manifest-other-studio", _with(studio="northlight"), subject="studio", code="STUDIO_MISMATCH"),
    _bad_manifest("role-unknown", _first_file(role="trailer"), subject="files.0.role"),
    _bad_manifest("two-features", lambda manifest: manifest | {"files": manifest["files"] * 2}, subject="files"),
    *(
        _bad_manifest(f"file-name-{what}", _first_file(name=name), subject="files.0.name")
        for what, name in {
            "climbs": "../../northlight/feature.mov",
            "absolute": "/etc/passwd",
            "encoded": "%2e%2e%2ffeature.mov",
            "backslash": "..\\feature.mov",
            "unicode": "фильм.mov",
            "mirrored": "feature\u202evom.exe",
            "an-option": "-i.mov",
            "the-manifest": MANIFEST_NAME,
        }.items()
    ),
)

# Files ----------------------------------------------------------------------------------------------------------------

GOOD = Clip()
# Of ffmpeg's two encoders of ProRes, the one that takes a third of the time.
_PRORES = Clip(video=("-c:v", "prores_aw", "-profile:v", "2"), pixels="yuv422p10le")
_DNXHR = Clip(container="mxf", video=("-c:v", "dnxhd", "-profile:v", "dnxhr_hq"), pixels="yuv422p")
_PQ = "range=tv:color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-crf", "20", "-tag:v", "hvc1", "-x265-params")
_P3 = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
_TAGGED_WRONG = "G(34000,16000)B(7500,3000)R(13250,34500)WP(15635,16450)L(10000000,1)"


def _hdr10(display: str | None) -> Clip:
    metadata = f":hdr10=1:master-display={display}:max-cll=1000,400" if display else ""
    return Clip(color=_PQ, pixels="yuv420p10le", video=(*_X265, f"log-level=none{metadata}"))


def _bad_feature(name: str, content: Content, *codes: str, file: str = FEATURE) -> Hostile:
    return Hostile(name=name, files={file: content}, findings=tuple((code, file) for code in codes))


def _bad_subtitles(name: str, content: bytes, code: str = "SUBTITLES_INVALID") -> Hostile:
    return Hostile(name=name, files={FEATURE: GOOD, SUBTITLES: content}, findings=((code, SUBTITLES),))


def _hole(whole: bytes) -> bytes:
    middle = len(whole) // 2
    return whole[:middle] + bytes(20_000) + whole[middle + 20_000 :]


_PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
_SCRIPT = b"ffconcat version 1.0\nfile /etc/passwd\n"
_IMF = b'<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"/>'
_INDEX_FIRST = ("-movflags", "+faststart")

BAD_FILES = (
    _bad_feature("truncated-before-its-index", Spoilt(GOOD, lambda whole: whole[: len(whole) * 6 // 10]), "NOT_MEDIA"),
    _bad_feature(
        "truncated-after-its-index",
        Spoilt(GOOD.but(options=_INDEX_FIRST), lambda whole: whole[: len(whole) * 6 // 10]),
        "DAMAGED",
    ),
    _bad_feature("hole-in-the-middle", Spoilt(_PRORES, _hole), "DAMAGED"),
    _bad_feature("zero-length", b"", "FILE_EMPTY"),
    _bad_feature("noise", bytes(range(256)) * 200, "NOT_MEDIA"),
    _bad_feature("playlist-as-media", _PLAYLIST, "NOT_MEDIA"),
    _bad_feature("concat-script-as-media", _SCRIPT, "NOT_MEDIA"),
    _bad_feature("imf-playlist", _IMF, "IMF_NOT_TAKEN", file="CPL_feature.xml"),
    _bad_feature("wrong-extension", Clip(container="mp4", audio=("-c:a", "aac")), "EXTENSION_MISMATCH"),
    _bad_feature("matroska-as-mov", Clip(container="mkv"), "CONTAINER_NOT_ALLOWED"),
    _bad_feature("sound-only", Clip(picture=None), "NO_VIDEO"),
    _bad_feature("picture-only", Clip(sound=None), "NO_AUDIO"),
    _bad_feature(
        "variable-frame-rate",
        Clip(filters=("setpts='if(lt(N,60),N,N+floor((N-60)/2))/25/TB'",), options=("-fps_mode", "vfr")),
        "VARIABLE_FRAME_RATE",
    ),
    _bad_feature("frame-rate-15", Clip(rate="15"), "FRAME_RATE_NOT_ALLOWED"),
    _bad_feature("odd-dimensions", Clip(size="641x361", pixels="yuv444p"), "DIMENSIONS_ODD"),
    _bad_feature("too-small", Clip(size="320x180"), "RESOLUTION_TOO_SMALL"),
    _bad_feature("too-large", Clip(size="8200x64", seconds=4), "RESOLUTION_TOO_SMALL", "RESOLUTION_TOO_LARGE"),
    _bad_feature("too-short", Clip(seconds=2), "TOO_SHORT"),
    _bad_feature("stretched-pixels", Clip(filters=("setsar=16/15",)), "PIXELS_NOT_SQUARE"),
    _bad_feature(
        "interlaced-and-says-so",
        _PRORES.but(filters=("setfield=tff",), video=(*_PRORES.video, "-flags", "+ildct")),
        "INTERLACED",
    ),
    _bad_feature("mpeg-2", Clip(video=("-c:v", "mpeg2video", "-q:v", "4")), "CODEC_NOT_ALLOWED"),
    _bad_feature(
        "jpeg-2000",
        # Nobody looks at its picture, and a plain one is coded in a fourth of the time.
        Clip(picture="color=gray:size={size}:rate={rate}", video=("-c:v", "jpeg2000"), pixels="yuv422p", seconds=4),
        "JPEG2000_NOT_TAKEN",
    ),
    _bad_feature("prores-proxy", _PRORES.but(video=("-c:v", "prores_aw", "-profile:v", "0")), "PROFILE_NOT_ALLOWED"),
    _bad_feature("untagged-colour", Clip(color=""), "COLOR_UNTAGGED"),
    _bad_feature(
        "colour-tags-of-two-kinds",
        Clip(color="range=tv:color_primaries=bt709:color_trc=bt709:colorspace=smpte170m"),
        "COLOR_INCONSISTENT",
    ),
    _bad_feature(
        "colour-of-the-cinema",
        Clip(color="range=tv:color_primaries=smpte432:color_trc=bt709:colorspace=bt709"),
        "COLOR_NOT_ALLOWED",
    ),
    _bad_feature("pq-of-8-bits", Clip(color=_PQ), "HDR_BIT_DEPTH", "HDR10_METADATA_MISSING"),
    _bad_feature("pq-without-metadata", _hdr10(None), "HDR10_METADATA_MISSING"),
    _bad_feature("pq-with-swapped-primaries", _hdr10(_TAGGED_WRONG), "HDR10_METADATA_IMPLAUSIBLE"),
    _bad_feature("sample-rate-22050", Clip(sound="sine=frequency=440:sample_rate=22050"), "SAMPLE_RATE_NOT_ALLOWED"),
    _bad_feature(
        "six-channels-of-no-layout",
        # MXF does not say which channel is which.
        _DNXHR.but(sound=f"aevalsrc={'|'.join(['0.03*sin(2765*t)'] * 6)}:s=48000"),
        "CHANNEL_LAYOUT_NOT_ALLOWED",
        file="feature.mxf",
    ),
    _bad_feature("mp3", Clip(container="mp4", audio=("-c:a", "libmp3lame")), "AUDIO_CODEC_NOT_ALLOWED", file="a.mp4"),
    _bad_feature("sound-a-second-short", Clip(sound=f"{GOOD.sound},atrim=end=4"), "TRACKS_DIFFER"),
    Hostile(name="wrong-checksum", manifest=_first_file(sha256="0" * 64), findings=(("CHECKSUM_MISMATCH", FEATURE),)),
    Hostile(name="wrong-size", manifest=_first_file(size_bytes=1), findings=(("SIZE_MISMATCH", FEATURE),)),
    Hostile(
        name="missing-file", manifest=_first_file(name="elsewhere.mov"), findings=(("FILE_MISSING", "elsewhere.mov"),)
    ),
    _bad_subtitles("empty-sidecar", b"", "FILE_EMPTY"),
    _bad_subtitles("subtitles-in-latin-1", VTT.encode("latin-1")),
    _bad_subtitles("subtitles-with-a-malformed-cue", VTT.replace("00:00:01.500", "00:00:1,5x").encode()),
    _bad_subtitles("subtitles-of-subrip", b"1\n00:00:01,000 --> 00:00:02,000\nHello\n"),
)

STRANGE_AND_RIGHT = (
    Hostile(name="title-of-every-script", state="accepted", manifest=_named("Дюна 千と千尋 الرسالة 🐇")),
    Hostile(
        name="subtitles-with-a-byte-order-mark",
        state="accepted",
        files={FEATURE: GOOD, SUBTITLES: f"\ufeff{VTT}".encode()},
    ),
    Hostile(name="hdr10", state="accepted", files={FEATURE: _hdr10(_P3)}),
    Hostile(
        name="dnxhr-in-mxf",
        state="accepted",
        files={"feature.mxf": _DNXHR},
    ),
    Hostile(name="aac-in-mp4", state="accepted", files={"feature.mp4": Clip(container="mp4", audio=("-c:a", "aac"))}),
)

HOSTILE = (*BAD_MANIFESTS, *BAD_FILES, *STRANGE_AND_RIGHT)

# Defects for quality control ------------------------------------------------------------------------------------------

FILM = Clip(seconds=10)
"""250 frames in which everything is as it should be."""
_SECTION = "enable='between(n,100,199)'"


def _planted(
    name: str, clip: Clip, check: str, verdict: Verdict = Verdict.REVIEW, *, frames: tuple[int, int] | None = None
) -> Hostile:
    state: dict[Verdict, State] = {Verdict.PASS: "accepted", Verdict.REVIEW: "review", Verdict.FAIL: "rejected"}
    return Hostile(
        name=name,
        state=state[verdict],
        files={FEATURE: clip},
        planted=Planted(check=check, verdict=verdict, frames=frames),
    )


def flash_and_beep(late_ms: float) -> Clip:
    """Return a film with a flash of one frame a second, from frame 13 on, and a beep that comes `late_ms` after it."""
    beep = f"0.085*sin(2*PI*1000*t)*between(mod(t+0.48-{late_ms / 1000:.3f},1),0,0.1)"
    return FILM.but(
        filters=("drawbox=color=white:t=fill:enable='eq(mod(n,25),13)'",), sound=f"aevalsrc='{beep}|{beep}':s=48000"
    )


# Between two samples, a tone of a quarter of the sample rate peaks 3 dB over what any sample says.
_HIDDEN_PEAK = "if(between(t,5,5.002),0.98*sin(2*PI*12000*t+PI/4),0.0483*sin(2*PI*440*t))"

PLANTED = (
    _planted(
        "black",
        FILM.but(filters=("drawbox=color=black:t=fill:enable='between(n,50,174)'",)),
        "black",
        frames=(50, 174),
    ),
    _planted("freeze", FILM.but(filters=("loop=loop=125:size=1:start=50",)), "freeze", frames=(49, 174)),
    _planted(
        "silence",
        FILM.but(sound=f"{FILM.sound},volume=0:enable='between(t,2,7.9999)'"),
        "silence",
        frames=(50, 199),
    ),
    _planted("too-loud", FILM.but(sound=f"{FILM.sound},volume=10dB"), "loudness", Verdict.FAIL),
    _planted("true-peak", FILM.but(sound=f"aevalsrc='{_HIDDEN_PEAK}|{_HIDDEN_PEAK}':s=48000"), "true_peak"),
    _planted("sound-45-ms-late", flash_and_beep(45), "av_sync", Verdict.FAIL, frames=(13, 13)),
    _planted("sound-30-ms-late", flash_and_beep(30), "av_sync", Verdict.PASS, frames=(13, 13)),
    _planted("sound-45-ms-early", flash_and_beep(-45), "av_sync", Verdict.FAIL, frames=(13, 13)),
    _planted(
        "interlaced-and-silent-about-it",
        FILM.but(
            rate="50",
            picture=f"{FILM.picture},split[fields][frames];[fields]tinterlace=mode=interleave_top,setfield=prog[combed];"
            f"[frames]framestep=2[whole];[whole][combed]overlay={_SECTION}",
        ),
        "interlacing",
        Verdict.FAIL,
        frames=(100, 199),
    ),
    _planted(
        # Of 100 to 104, 103 stands twice and 104 is lost; and so on, to 195 to 199.
        "duplicate-frames",
        FILM.but(filters=(f"shuffleframes='0 1 2 3 3':{_SECTION}",)),
        "duplicate_frames",
        frames=(104, 199),
    ),
    _planted(
        "letterbox",
        FILM.but(filters=("drawbox=y=0:h=45:color=black:t=fill", "drawbox=y=ih-45:h=45:color=black:t=fill")),
        "aspect",
    ),
    _planted(
        "levels",
        FILM.but(filters=("lutyuv=y=max(0\\,val-80):enable='between(n,100,174)'",)),
        "levels",
        frames=(100, 174),
    ),
)
