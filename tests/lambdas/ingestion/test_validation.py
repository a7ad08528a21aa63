from collections.abc import Mapping

import pytest

from lambdas.common.media import AudioRole, Chromaticity, Eac3Facts, HdrFacts, MasteringDisplay, MediaFacts, Transfer
from lambdas.ingestion.models import MAX_AUDIO_TRACKS, DeliveryManifest, FileInspection, InspectionReport
from lambdas.ingestion.picture_rules import FRAME_RATES
from lambdas.ingestion.validation import validate
from tests.lambdas import samples

MANIFEST = DeliveryManifest.model_validate(samples.manifest())
FEATURE = FileInspection(
    name=samples.FEATURE,
    present=True,
    size_bytes=1000,
    sha256=samples.FEATURE_SHA,
    facts=samples.FACTS,
)
SUBTITLES = FileInspection(name=samples.SUBTITLES, present=True, size_bytes=100, sha256=samples.SUBTITLES_SHA)


def codes(feature: Mapping | None = None, subtitles: Mapping | None = None) -> set[tuple[str, str]]:
    report = InspectionReport(
        files=(
            FEATURE.model_copy(update=dict(feature or {})),
            SUBTITLES.model_copy(update=dict(subtitles or {})),
        )
    )
    findings = validate(MANIFEST, report)
    assert all(found.message and found.remedy.endswith(".") for found in findings)
    return {(found.code, found.subject) for found in findings}


def facts(**changes) -> MediaFacts:
    return samples.FACTS.model_copy(update=changes)


def picture(**changes) -> dict:
    return {"facts": facts(video=samples.VIDEO.model_copy(update=changes))}


def sound(**changes) -> dict:
    return {"facts": facts(audio=(samples.AUDIO, samples.AUDIO.model_copy(update=changes)))}


EAC3 = Eac3Facts(
    frames=781, atmos_frames=781, complexity=16, whole_frames=True, substreams=1, bitrate_kbps=768
)  # fmt: skip
ATMOS = samples.AUDIO.model_copy(
    update={"codec": "eac3", "channels": 6, "channel_layout": "5.1(side)", "bit_depth": None, "eac3": EAC3}
)


def atmos(*others, **changes) -> dict:
    """PCM, and Atmos beside it whose facts, or whose frames, are changed."""
    of_frames = {name: changes.pop(name) for name in list(changes) if name in Eac3Facts.model_fields}
    changes["eac3"] = EAC3.model_copy(update=of_frames)
    return {"facts": facts(audio=(samples.AUDIO, ATMOS.model_copy(update=changes), *others))}


P3_DISPLAY = MasteringDisplay(
    red=Chromaticity(x=0.68, y=0.32),
    green=Chromaticity(x=0.265, y=0.69),
    blue=Chromaticity(x=0.15, y=0.06),
    white=Chromaticity(x=0.3127, y=0.329),
    min_luminance=0.0001,
    max_luminance=1000,
)
HDR10 = HdrFacts(transfer=Transfer.PQ, mastering_display=P3_DISPLAY, max_cll=1000, max_fall=400)
PQ = {"color_primaries": "bt2020", "color_transfer": "smpte2084", "color_space": "bt2020nc", "hdr": HDR10}
HLG = PQ | {"color_transfer": "arib-std-b67", "hdr": HdrFacts(transfer=Transfer.HLG)}


def hdr10(**changes) -> dict:
    return picture(**PQ | {"hdr": HDR10.model_copy(update=changes)})


def graded_on(**changes) -> dict:
    return hdr10(mastering_display=P3_DISPLAY.model_copy(update=changes))


def colors(primaries, transfer, matrix) -> dict:
    return picture(color_primaries=primaries, color_transfer=transfer, color_space=matrix)


def test_a_good_delivery_has_no_findings():
    assert codes() == set()


def test_a_film_without_sound_may_have_lost_it():
    assert codes({"facts": facts(audio=())}) == {("NO_AUDIO", samples.FEATURE)}


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"present": False, "size_bytes": 0, "sha256": None, "facts": None, "error": "absent"}, "FILE_MISSING"),
        ({"size_bytes": 0, "facts": None, "error": "the file is empty"}, "FILE_EMPTY"),
        ({"size_bytes": 999, "sha256": "f" * 64}, "SIZE_MISMATCH"),
        ({"sha256": "f" * 64}, "CHECKSUM_MISMATCH"),
        ({"sha256": None}, "CHECKSUM_MISMATCH"),
        ({"facts": None, "error": "Invalid data found"}, "NOT_MEDIA"),
        ({"facts": None}, "NOT_MEDIA"),
        ({"error": "599 of 600 frames can be decoded"}, "DAMAGED"),
        ({"facts": facts(video=None)}, "NO_VIDEO"),
        ({"facts": facts(duration_s=3.99)}, "TOO_SHORT"),
        (picture(codec="mpeg2video"), "CODEC_NOT_ALLOWED"),
        (picture(width=638, height=360), "RESOLUTION_TOO_SMALL"),
        (picture(width=640, height=358), "RESOLUTION_TOO_SMALL"),
        (picture(frame_rate="12/1"), "FRAME_RATE_NOT_ALLOWED"),
        (picture(frame_rate="2997/100"), "FRAME_RATE_NOT_ALLOWED"),
        (picture(constant_frame_rate=False), "VARIABLE_FRAME_RATE"),
        # The average of a variable rate is not judged as well: it would be advice for another fault.
        (picture(constant_frame_rate=False, frame_rate="2213/100"), "VARIABLE_FRAME_RATE"),
        (picture(constant_frame_rate=None), "VARIABLE_FRAME_RATE"),
        (picture(codec="jpeg2000"), "JPEG2000_NOT_TAKEN"),
        (picture(profile="Proxy"), "PROFILE_NOT_ALLOWED"),
        (picture(profile="LT"), "PROFILE_NOT_ALLOWED"),
        (picture(codec="dnxhd", profile="DNXHR LB"), "PROFILE_NOT_ALLOWED"),
        (picture(width=8194), "RESOLUTION_TOO_LARGE"),
        (picture(height=4322), "RESOLUTION_TOO_LARGE"),
        (picture(width=1921), "DIMENSIONS_ODD"),
        (picture(height=1079), "DIMENSIONS_ODD"),
        (picture(sample_aspect_ratio="16/15"), "PIXELS_NOT_SQUARE"),
        *((picture(field_order=order), "INTERLACED") for order in ("tt", "bb", "tb", "bt")),
        (picture(field_order=None, scan_type="MBAFF"), "INTERLACED"),
        ({"facts": facts(container="matroska")}, "CONTAINER_NOT_ALLOWED"),
        ({"facts": facts(container="mp4")}, "EXTENSION_MISMATCH"),
        (colors(None, "bt709", "bt709"), "COLOR_UNTAGGED"),
        (colors("bt709", None, None), "COLOR_UNTAGGED"),
        (colors("smpte432", "bt709", "bt709"), "COLOR_NOT_ALLOWED"),
        (colors("bt709", "bt709", "gbr"), "COLOR_NOT_ALLOWED"),
        (colors("bt709", "bt709", "bt470bg"), "COLOR_INCONSISTENT"),
        (colors("bt2020", "bt709", "bt2020nc"), "COLOR_INCONSISTENT"),
        (colors("bt709", "smpte2084", "bt709"), "COLOR_INCONSISTENT"),
        (picture(**PQ, bit_depth=8), "HDR_BIT_DEPTH"),
        (picture(**PQ, bit_depth=None), "HDR_BIT_DEPTH"),
        (picture(**HLG, bit_depth=8), "HDR_BIT_DEPTH"),
        (hdr10(mastering_display=None), "HDR10_METADATA_MISSING"),
        (hdr10(max_cll=None), "HDR10_METADATA_MISSING"),
        (hdr10(max_fall=None), "HDR10_METADATA_MISSING"),
        (hdr10(max_cll=0, max_fall=0), "HDR10_METADATA_IMPLAUSIBLE"),
        (hdr10(max_cll=300), "HDR10_METADATA_IMPLAUSIBLE"),
        (hdr10(max_cll=65535), "HDR10_METADATA_IMPLAUSIBLE"),
        (graded_on(max_luminance=10_000_000.0), "HDR10_METADATA_IMPLAUSIBLE"),
        (graded_on(max_luminance=0.0), "HDR10_METADATA_IMPLAUSIBLE"),
        (graded_on(min_luminance=50.0), "HDR10_METADATA_IMPLAUSIBLE"),
        (graded_on(red=P3_DISPLAY.green, green=P3_DISPLAY.red), "HDR10_METADATA_IMPLAUSIBLE"),
        (graded_on(white=Chromaticity(x=0.0, y=0.0)), "HDR10_METADATA_IMPLAUSIBLE"),
        ({"facts": facts(audio=(samples.AUDIO,) * (MAX_AUDIO_TRACKS + 1))}, "TOO_MANY_TRACKS"),
        (sound(codec="mp3"), "AUDIO_CODEC_NOT_ALLOWED"),
        (sound(sample_rate_hz=44_100), "SAMPLE_RATE_NOT_ALLOWED"),
        (sound(channels=6, channel_layout=None), "CHANNEL_LAYOUT_NOT_ALLOWED"),
        (sound(channels=4, channel_layout="4.0"), "CHANNEL_LAYOUT_NOT_ALLOWED"),
        (sound(channels=6, channel_layout="hexagonal"), "CHANNEL_LAYOUT_NOT_ALLOWED"),
        # At 24 frames a second, a frame and 40 ms are 81.7 ms.
        (sound(duration_s=24.918), "TRACKS_DIFFER"),
        (sound(duration_s=25.082), "TRACKS_DIFFER"),
        (atmos(atmos_frames=0, complexity=None), "AUDIO_CODEC_NOT_ALLOWED"),
        (sound(codec="eac3", channels=6, channel_layout="5.1(side)"), "AUDIO_CODEC_NOT_ALLOWED"),
        (atmos(atmos_frames=780, complexity=None), "ATMOS_INVALID"),
        *((atmos(complexity=index), "ATMOS_INVALID") for index in (None, 0, 17)),
        (atmos(substreams=2), "ATMOS_INVALID"),
        (atmos(channels=8, channel_layout="7.1"), "ATMOS_INVALID"),
        (atmos(whole_frames=False), "ATMOS_INVALID"),
        (atmos(sample_rate_hz=96_000), "ATMOS_INVALID"),
        # 781 frames of 32 ms are 24.992 s, of a film of 25 s.
        (atmos(frames=783, atmos_frames=783), "ATMOS_NOT_ALIGNED"),
        (atmos(frames=780, atmos_frames=780), "ATMOS_NOT_ALIGNED"),
        *((atmos(start_s=late_s), "ATMOS_NOT_ALIGNED") for late_s in (-0.017, 0.017)),
        (atmos(language="fra"), "ATMOS_ALONE"),
        (atmos(role=AudioRole.DESCRIPTION), "ATMOS_ALONE"),
        (atmos(ATMOS), "ATMOS_ALONE"),
        ({"facts": facts(audio=(ATMOS,))}, "ATMOS_ALONE"),
    ],
)
def test_a_broken_rule_of_the_feature_has_its_name(measured, code):
    assert codes(measured) == {(code, samples.FEATURE)}


@pytest.mark.parametrize(
    "measured",
    [
        facts(duration_s=4.0),
        facts(video=samples.VIDEO.model_copy(update={"width": 640, "height": 360})),
        *(
            facts(video=samples.VIDEO.model_copy(update={"frame_rate": f"{r.numerator}/{r.denominator}"}))
            for r in FRAME_RATES
        ),
        facts(video=samples.VIDEO.model_copy(update={"frame_rate": "50/2"})),
        *(
            facts(video=samples.VIDEO.model_copy(update={"codec": codec}))
            for codec in ("prores", "dnxhd", "h264", "hevc")
        ),
        *(
            picture(**changes)["facts"]
            for changes in (
                {"width": 8192, "height": 4320},
                {"field_order": None, "scan_type": None},
                {"sample_aspect_ratio": None},
                {"codec": "h264", "profile": "LT"},
                {"duration_s": None},
                PQ,
                HLG,
            )
        ),
        *(
            colors(*tags)["facts"]
            for tags in (
                ("smpte170m", "smpte170m", "smpte170m"),
                ("smpte170m", "bt709", "smpte170m"),
                ("bt470bg", "bt470bg", "bt470bg"),
                ("bt470bg", "smpte170m", "bt470bg"),
            )
        ),
        graded_on(
            red=Chromaticity(x=0.708, y=0.292), green=Chromaticity(x=0.17, y=0.797), blue=Chromaticity(x=0.131, y=0.046)
        )["facts"],
        facts(audio=(samples.AUDIO,) * MAX_AUDIO_TRACKS),
        *(
            sound(**changes)["facts"]
            for changes in (
                {"channels": 1, "channel_layout": None},
                {"channels": 6, "channel_layout": "5.1(side)"},
                {"channels": 8, "channel_layout": "7.1"},
                {"codec": "aac", "bit_depth": None},
                {"sample_rate_hz": 96_000},
                {"duration_s": 24.919},
                {"duration_s": 25.081},
                {"duration_s": None},
            )
        ),
        *(
            atmos(**changes)["facts"]
            for changes in (
                {},
                {"complexity": 1},
                {"frames": 782, "atmos_frames": 782},
                {"start_s": 0.016},
                {"start_s": None},
            )
        ),
        atmos(
            samples.AUDIO.model_copy(update={"title": "Commentary"}), ATMOS.model_copy(update={"title": "Commentary"})
        )["facts"],
    ],
)
def test_what_just_keeps_the_rules_is_accepted(measured):
    assert codes({"facts": measured}) == set()


@pytest.mark.parametrize(
    ("container", "name", "accepted"),
    [
        ("mov", "film.mov", True),
        ("mov", "FILM.MOV", True),
        ("mp4", "film.mp4", True),
        ("mp4", "film.m4v", True),
        ("mxf", "film.mxf", True),
        ("mp4", "film.mov", False),
        ("mxf", "film.mp4", False),
        ("mov", "film", False),
        ("mov", "film.mov.exe", False),
    ],
)
def test_a_name_ends_as_its_container_says(container, name, accepted):
    manifest = DeliveryManifest.model_validate(
        samples.manifest(files=[samples.manifest()["files"][0] | {"name": name}])
    )
    inspected = FEATURE.model_copy(update={"name": name, "facts": facts(container=container)})
    found = [(one.code, one.subject) for one in validate(manifest, InspectionReport(files=(inspected,)))]
    assert found == ([] if accepted else [("EXTENSION_MISMATCH", name)])


def test_an_imf_package_is_told_what_to_send_instead():
    playlist = samples.manifest()["files"][0] | {"name": "CPL_bunny.xml"}
    manifest = DeliveryManifest.model_validate(samples.manifest(files=[playlist]))
    inspected = FEATURE.model_copy(update={"name": playlist["name"], "facts": None, "error": "Invalid data found"})
    [found] = validate(manifest, InspectionReport(files=(inspected,)))
    assert (found.code, found.subject) == ("IMF_NOT_TAKEN", "CPL_bunny.xml")
    assert "ProRes" in found.remedy


def test_the_track_at_fault_is_named():
    report = InspectionReport(files=(FEATURE.model_copy(update=sound(sample_rate_hz=22_050)), SUBTITLES))
    [found] = validate(MANIFEST, report)
    assert "track 2 is 22.05 kHz" in found.message


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"present": False}, "FILE_MISSING"),
        ({"size_bytes": 0, "error": "the file is empty"}, "FILE_EMPTY"),
        ({"sha256": "f" * 64}, "CHECKSUM_MISMATCH"),
        ({"error": "the file does not begin with WEBVTT"}, "SUBTITLES_INVALID"),
    ],
)
def test_a_broken_rule_of_the_subtitles_has_its_name(measured, code):
    assert codes(subtitles=measured) == {(code, samples.SUBTITLES)}


def test_every_broken_rule_is_reported_at_once():
    truncated = {"size_bytes": 500, "facts": None, "error": "moov atom not found"}
    assert codes(truncated, {"sha256": "f" * 64, "error": "no cue"}) == {
        ("SIZE_MISMATCH", samples.FEATURE),
        ("NOT_MEDIA", samples.FEATURE),
        ("CHECKSUM_MISMATCH", samples.SUBTITLES),
        ("SUBTITLES_INVALID", samples.SUBTITLES),
    }
    shabby = picture(codec="mjpeg", width=321, height=240, frame_rate="15/1", color_space=None, field_order="tt")
    assert {code for code, _ in codes(shabby)} == {
        "CODEC_NOT_ALLOWED",
        "RESOLUTION_TOO_SMALL",
        "DIMENSIONS_ODD",
        "FRAME_RATE_NOT_ALLOWED",
        "COLOR_UNTAGGED",
        "INTERLACED",
    }


def test_a_file_that_the_report_does_not_mention_is_missing():
    findings = validate(MANIFEST, InspectionReport(files=(FEATURE,)))
    assert [(found.code, found.subject) for found in findings] == [("FILE_MISSING", samples.SUBTITLES)]


def test_a_complaint_of_any_length_is_cut():
    report = InspectionReport(files=(FEATURE.model_copy(update={"error": "x" * 100_000}), SUBTITLES))
    [found] = validate(MANIFEST, report)
    assert len(found.message) < 1000
