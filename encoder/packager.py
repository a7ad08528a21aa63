"""Shaka Packager: encrypted CMAF segments, and the DASH and HLS manifests of them."""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from encoder import imsc
from encoder.cues import cues_of
from encoder.errors import PackagingError
from encoder.keys import OpenKey
from encoder.light import with_light
from encoder.mpd import in_order
from encoder.plan import Work
from encoder.protection import CLEAR_KEY, System
from encoder.tools import FILE_CACHE, Tool, run
from lambdas.common.keys import VersionLayout
from lambdas.common.ladder import Codec, DynamicRange
from lambdas.common.media import UNDETERMINED, AudioRole, HdrFacts, SubtitleKind, SubtitleSource, Tier
from lambdas.encoding.models import AudioTrack, SoundCodec, VideoRecipe
from lambdas.encoding.sound import ATMOS

# What stands in the initialisation of picture and sound, and in the DASH manifest; in HLS, FairPlay beside it.
_PROTECTION_SYSTEMS = "Common,Widevine,PlayReady,FairPlay"
_COMMON_PROTECTION = re.compile(
    rf'<ContentProtection schemeIdUri="urn:uuid:{System.COMMON}">.*?</ContentProtection>', re.DOTALL
)
_CLEAR_KEY_PROTECTION = f'<ContentProtection value="ClearKey1.0" schemeIdUri="{CLEAR_KEY}"/>'
# Sound for those who do not see the picture: to DASH (ETSI TS 101 154), and to HLS.
_DESCRIBES = (
    "dash_accessibilities=urn:tva:metadata:cs:AudioPurposeCS:2007=1",
    "hls_characteristics=public.accessibility.describes-video",
)
_TRANSCRIBES, _MUSIC = (
    "public.accessibility.transcribes-spoken-dialog",
    "public.accessibility.describes-music-and-sound",
)
# Text that is shown although subtitles are off, and text for those who do not hear the sound.
_TEXT: Mapping[SubtitleKind, Sequence[str]] = {
    SubtitleKind.SUBTITLES: (),
    SubtitleKind.FORCED: ("forced_subtitle=1",),
    SubtitleKind.SDH: (
        *("dash_roles=caption", "dash_accessibilities=urn:tva:metadata:cs:AudioPurposeCS:2007=2"),
        f"hls_characteristics={_TRANSCRIBES};{_MUSIC}",
    ),
}
TEXT_ROLES: Mapping[SubtitleKind, str] = MappingProxyType(
    {SubtitleKind.SUBTITLES: "subtitle", SubtitleKind.FORCED: "forced-subtitle", SubtitleKind.SDH: "caption"}
)
"""The roles of text in the DASH manifest (ISO/IEC 23009-1, 5.8.5.5)."""
# In HLS, each format is a group, and each rung is offered with either: WebVTT first, which every player knows.
_TEXT_MEDIA = "#EXT-X-MEDIA:TYPE=SUBTITLES,"
_SOUND_MEDIA, _GROUP = "#EXT-X-MEDIA:TYPE=AUDIO,", re.compile(r'GROUP-ID="[^"]*"')
_WEBVTT_GROUP, _IMSC1_GROUP = "subtitles", "subtitles-imsc1"
_TTML = re.compile(
    r'bandwidth="\d+" codecs="stpp"(?P<rest>[^>]*>\s*<SegmentTemplate[^>]* initialization="(?P<init>[^"]+)")'
)
_FAIRPLAY_URI = re.compile(r'(?<=URI="skd://)[A-Za-z0-9+/=]+(?=")')
_MEDIA_URI = re.compile(r'(^|URI=")(?=\.\./)', re.MULTILINE)


def package_streams(
    *,
    work: Work,
    keys: Sequence[OpenKey],
    video: Mapping[str, Path],
    audio: Mapping[str, Path],
    subtitles: Mapping[str, Path],
    out: Path,
) -> None:
    """Package a version's tracks into `out`, which is laid out as the version's prefix in the media bucket.

    Parameters
    ----------
    video
        The rendition of each rung of the plan.
    audio
        The file of each track of sound of the plan.
    subtitles
        The WebVTT file of each track of subtitles of the plan.

    Raises
    ------
    PackagingError
        If a rung's tier has no key, or Atmos nothing to stand beside it.
    ToolFailedError
        If the packager refuses an input.
    """
    manifests = out / VersionLayout.MANIFESTS
    manifests.mkdir(parents=True)
    tiers = {key.tier for key in keys}
    for recipe in work.plan.video:
        if recipe.tier not in tiers:
            raise PackagingError(f"the plan has no {recipe.tier} key, which rung {recipe.rung} needs")
    winding, beside = work.plan.winding, _beside_atmos(work)
    streams = [_video(recipe, video[recipe.rung], winds=recipe in winding) for recipe in work.plan.video]
    streams += [_trick(recipe, video[recipe.rung]) for recipe in winding]
    streams += [
        _audio(track, audio[track.name], role=dash_role(track, first=work.plan.audio[0])) for track in work.plan.audio
    ]
    for subtitle in work.plan.subtitles:
        streams += _subtitles(subtitle, subtitles[subtitle.track])
    # The packager takes its keys as a flag, and a command line can be read by every process of the machine.
    # `--fromenv` makes it read the flag from its environment, which only its own user can. It also repeats
    # the flag when it does not like it, hence `secrets`.
    labels = ",".join(f"label={key.tier}:key_id={key.key_id}:key={key.secret_hex}" for key in keys)
    run(
        Tool.PACKAGER,
        [*streams, *_options(work)],
        cwd=manifests,  # the packager writes paths as they were given: these are relative to the manifests
        extra_environment={"FLAGS_keys": labels},
        secrets=[key.secret_hex for key in keys],
    )
    _tell_light(work, out=out)
    peaks = {
        _relative(f"{folder}/{VersionLayout.INIT}"): imsc.write_samples(
            out / folder, cues_of(subtitles[text.track].read_text(encoding="utf-8-sig")), language=text.language
        )
        for text in work.plan.subtitles
        for folder in [VersionLayout.subtitles(text.track)]
    }
    dash = out / VersionLayout.DASH
    # dash.js would hand the common box of the manifest to ClearKey as a list of key ids.
    told = _COMMON_PROTECTION.sub(_CLEAR_KEY_PROTECTION, dash.read_text(encoding="utf-8"))
    told = _TTML.sub(lambda ttml: f'bandwidth="{peaks[ttml["init"]]}" codecs="{imsc.CODECS}"{ttml["rest"]}', told)
    dash.write_bytes(in_order(told.encode()))
    for playlist in (out / VersionLayout.MEDIA_PLAYLISTS).glob("*.m3u8"):
        playlist.write_text(_corrected(playlist.read_text(encoding="utf-8")), encoding="utf-8")
    hls = out / VersionLayout.HLS
    listed = _filled(_selectable(hls.read_text(encoding="utf-8")), beside)
    hls.write_text(listed, encoding="utf-8")


def told_light(work: Work) -> Iterator[tuple[str, HdrFacts]]:
    """Yield the folders whose initialisation says what the master was, and that: of AV1 in HDR10.

    H.265 carries it in its own initialisation; from AV1 it is taken before packaging.
    """
    hdr = work.plan.picture.hdr
    for recipe in work.plan.video:
        if hdr is not None and recipe.codec is Codec.AV1 and recipe.dynamic_range is DynamicRange.HDR10:
            yield VersionLayout.video(recipe.rung), hdr
            if recipe in work.plan.winding:
                yield VersionLayout.trick(recipe.rung), hdr


def dash_role(track: AudioTrack, *, first: AudioTrack) -> str:
    """Return the role of a track in the DASH manifest (ISO/IEC 23009-1, 5.8.5.5), of which `first` is the first.

    Only what is heard unless another is chosen is ``main``, by whichever recipe.
    """
    if track.role is not AudioRole.MAIN:
        return track.role.value
    return "main" if track.label == first.label else "alternate"


def _tell_light(work: Work, *, out: Path) -> None:
    for folder, hdr in told_light(work):
        init = out / folder / VersionLayout.INIT
        init.write_bytes(with_light(init.read_bytes(), hdr))


def hls_name(subtitle: SubtitleSource) -> str:
    """Return what a track of text is called in the HLS playlist: no two of a group are called the same."""
    return subtitle.track.replace("_", " ")


def _options(work: Work) -> Iterator[str]:
    segment_s = float(work.plan.segment_frames / work.frame_rate)
    yield from ("--enable_raw_key_encryption", "--fromenv=keys", "--protection_systems", _PROTECTION_SYSTEMS)
    # cbcs in both manifests: HLS knows no other scheme for fragmented MP4 that Apple plays.
    yield from ("--protection_scheme", "cbcs", "--clear_lead", "0", "--iv", _constant_iv(work))
    yield from ("--segment_duration", f"{segment_s:.6f}", "--generate_static_live_mpd")
    yield from ("--mpd_output", _relative(VersionLayout.DASH), "--hls_playlist_type", "VOD")
    yield from ("--hls_master_playlist_output", _relative(VersionLayout.HLS))
    # Without the fake clock the time of packaging stands in every header; without the index the order in the
    # manifests is that in which the packager's threads came first.
    yield from ("--use_fake_clock_for_muxer", "--force_cl_index", *FILE_CACHE, "--quiet")
    if work.plan.audio:
        # Subtitles are there to be chosen: only sound has a default, so the text's is no language at all.
        yield from ("--default_language", work.plan.audio[0].language, "--default_text_language", UNDETERMINED)


def _constant_iv(work: Work) -> str:
    """The IV of a version, hexadecimal, 16 bytes.

    Every attempt must write the same segments, because a viewer may hold some of one and ask for those of the
    next. An IV has to be different for each version, and not secret: it stands in the init segment.
    """
    return hashlib.sha256(f"{work.plan.title_id}/{work.plan.version_id}".encode()).hexdigest()[:32]


def _video(recipe: VideoRecipe, path: Path, *, winds: bool) -> str:
    key_frames = _relative(VersionLayout.playlist(f"trick_{recipe.rung}"))
    return _stream(
        path,
        "video",
        *_segments(VersionLayout.video(recipe.rung)),
        f"drm_label={recipe.tier}",
        _playlist(f"video_{recipe.rung}"),
        # HLS winds by the first bytes of the rung's own segments.
        *((f"iframe_playlist_name={key_frames}",) if winds else ()),
    )


def _trick(recipe: VideoRecipe, path: Path) -> str:
    """DASH winds by a track of the key frames alone."""
    folder = VersionLayout.trick(recipe.rung)
    return _stream(path, "video", *_segments(folder), f"drm_label={recipe.tier}", "trick_play_factor=1", "dash_only=1")


def _audio(track: AudioTrack, path: Path, *, role: str) -> str:
    return _stream(
        path,
        "audio",
        *_segments(VersionLayout.audio(track.name)),
        f"drm_label={Tier.AUDIO}",
        # The packager knows no code for "undetermined": such a track is written without a language.
        *(() if track.language == UNDETERMINED else (f"language={track.language}",)),
        _playlist(f"audio_{track.name}"),
        # The members of a group are the languages and roles by one recipe; every recipe is a group.
        f"hls_group_id={track.recipe}",
        f"hls_name={track.label}",
        f"dash_roles={role}",
        # By the label the packager keeps apart what is not the same sound at another bit rate.
        *(() if (label := _dash_label(track)) == track.language else (f"dash_label={label}",)),
        *(_DESCRIBES if track.role is AudioRole.DESCRIPTION else ()),
    )


def _dash_label(track: AudioTrack) -> str:
    # Atmos is no other bit rate of the E-AC-3 beside it: a player must not change between them by itself. Nor is HE-AAC
    # of the AAC-LC: its blocks are longer, so that segments do not begin together.
    if track.codec is SoundCodec.HE_AAC:
        return f"{track.label} HE-AAC"
    return track.label if track.atmos is None else f"{track.label} Dolby Atmos"


def _subtitles(subtitle: SubtitleSource, path: Path) -> Iterator[str]:
    folder = VersionLayout.subtitles(subtitle.track)
    same = (f"language={subtitle.language}", f"hls_name={hls_name(subtitle)}", *_TEXT[subtitle.kind])
    yield _stream(
        path,
        "text",
        "format=ttml+mp4",
        *_segments(folder),
        _playlist(f"imsc1_{subtitle.track}"),
        f"hls_group_id={_IMSC1_GROUP}",
        *same,
    )
    yield _stream(
        path,
        "text",
        f"segment_template={_relative(f'{folder}/{VersionLayout.SEGMENT}.vtt')}",
        _playlist(f"subtitles_{subtitle.track}"),
        f"hls_group_id={_WEBVTT_GROUP}",
        "hls_only=1",
        *same,
    )


def _segments(folder: str) -> tuple[str, str]:
    return (
        f"init_segment={_relative(f'{folder}/{VersionLayout.INIT}')}",
        f"segment_template={_relative(f'{folder}/{VersionLayout.SEGMENT}.m4s')}",
    )


def _playlist(track: str) -> str:
    return f"playlist_name={_relative(VersionLayout.playlist(track))}"


def _relative(path: str) -> str:
    """Return a path of the layout as the manifests' folder sees it."""
    return posixpath.relpath(path, VersionLayout.MANIFESTS)


def _stream(path: Path, kind: str, *fields: str) -> str:
    return ",".join((f"in={path}", f"stream={kind}", *fields))


def _selectable(multivariant: str) -> str:
    """Let players choose every track of text by the viewer's language and needs.

    The packager says so of one track of a language alone, the first. Absent means no (RFC 8216, 4.3.4.1).
    """
    return "\n".join(
        f"{line},AUTOSELECT=YES" if line.startswith(_TEXT_MEDIA) and "AUTOSELECT=" not in line else line
        for line in multivariant.split("\n")
    )


def _beside_atmos(work: Work) -> tuple[AudioTrack, ...]:
    """Return what stands in the group of Atmos for the languages and roles that it lacks: E-AC-3, which it is coded in.

    Of each the best that takes no more bits than Atmos does: those are what the group's variants are listed with.

    Raises
    ------
    PackagingError
        If the plan has no E-AC-3 of one of them.
    """
    atmos = [track for track in work.plan.audio if track.atmos is not None]
    if not atmos:
        return ()
    most = max(track.bitrate_kbps for track in atmos)
    found: dict[str, AudioTrack] = {}
    for track in sorted(work.plan.audio, key=lambda track: (track.bitrate_kbps <= most, track.bitrate_kbps)):
        if track.codec is SoundCodec.EAC3 and track.atmos is None:
            found[track.label] = track
    missing = [label for label in dict.fromkeys(track.label for track in work.plan.audio) if label not in found]
    there = {track.label for track in atmos}
    if lacking := sorted({*missing} - there):
        raise PackagingError(
            f"the plan has no E-AC-3 of {', '.join(lacking)} to stand beside Atmos: add a recipe of E-AC-3 to the sound"
        )
    return tuple(track for label, track in found.items() if label not in there)


def _filled(multivariant: str, beside: Sequence[AudioTrack]) -> str:
    """List tracks in the group of Atmos as well: groups have the same members (RFC 8216, 4.3.4.1.1).

    The packager lists a track in one group only.
    """
    playlists = {f'URI="{_relative(VersionLayout.playlist(f"audio_{track.name}"))}"' for track in beside}
    lines = multivariant.split("\n")
    listed = [line for line in lines if line.startswith(_SOUND_MEDIA) and playlists & set(line.split(","))]
    last = max((at for at, line in enumerate(lines) if f'GROUP-ID="{ATMOS}"' in line), default=-1)
    added = [_GROUP.sub(f'GROUP-ID="{ATMOS}"', line) for line in listed]
    return "\n".join((*lines[: last + 1], *added, *lines[last + 1 :]))


def _corrected(playlist: str) -> str:
    """Mend what the packager writes of a media playlist's keys, and point its media one folder further up.

    The packager writes ClearKey in the format in which HLS promises the bare key, and hls.js then looks for no other;
    names the KID to FairPlay in base64, whose ``/`` and ``+`` mean something else in an address; and knows nothing of
    the media playlists having a folder of their own.
    """
    keys = playlist.replace('KEYFORMAT="identity"', 'KEYFORMAT="org.w3.clearkey"')
    keys = _FAIRPLAY_URI.sub(lambda kid: base64.b64decode(kid[0]).hex(), keys)
    return _MEDIA_URI.sub(r"\1../", keys)
