"""Tiny films of every kind of picture, drawn from the definitions of their colour spaces, and what is to come of them.

A film shows four flat patches of known colours, and below them a bar that moves: where it is says which frame one sees.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np

WIDTH, HEIGHT = 320, 180
# Light as an SDR display gives it off, of BT.709's red, green and blue, 1 for its white.
PATCHES = ((0.20, 0.20, 0.20), (0.25, 0.05, 0.04), (0.05, 0.22, 0.05), (0.04, 0.06, 0.25))
BAR, STEP, FIRST = 32, 8, 16
WHITE_NITS = 203
_BAR_LIGHT = 0.25

_D65 = (0.3127, 0.3290)
PRIMARIES = {
    "bt709": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    "smpte170m": ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    "bt470bg": ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
}
# Of red and of blue in luma.
_LUMA = {
    "bt709": (0.2126, 0.0722),
    "smpte170m": (0.299, 0.114),
    "bt470bg": (0.299, 0.114),
    "bt2020nc": (0.2627, 0.0593),
}


def _to_xyz(primaries):
    def xyz(x, y):
        return np.array([x / y, 1, (1 - x - y) / y])

    columns = np.array([xyz(*place) for place in PRIMARIES[primaries]]).T
    return columns * np.linalg.solve(columns, xyz(*_D65))


def _sdr(light):
    return light ** (1 / 2.4)


def _pq(light):
    """SMPTE ST 2084, of light of which 1 is HDR's reference white."""
    y = (light * WHITE_NITS / 10_000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 4096 * 32 * y) / (1 + 2392 / 4096 * 32 * y)) ** (2523 / 4096 * 128)


def _hlg(light):
    """ITU-R BT.2100: the inverse of the system of 1,000 cd/m², and its curve."""
    shown = light * WHITE_NITS / 1000
    luma = shown @ np.array([0.2627, 0.6780, 0.0593])
    scene = shown * np.maximum(luma, 1e-9)[..., None] ** ((1 - 1.2) / 1.2)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


CURVES = {"bt709": _sdr, "smpte170m": _sdr, "bt470bg": _sdr, "smpte2084": _pq, "arib-std-b67": _hlg}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of picture; `tagged` says whether it says its colours."""

    width: int = WIDTH
    height: int = HEIGHT
    pixels: str = "yuv422p10le"
    rate: str = "25"
    frames: int = 8
    primaries: str = "bt709"
    transfer: str = "bt709"
    matrix: str = "bt709"
    range: str = "tv"
    tagged: bool = True
    aspect: str = "1"
    fields: str | None = None
    filters: str = ""
    codec: tuple[str, ...] = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "4")
    options: tuple[str, ...] = ()

    def make(self, path: Path) -> Path:
        """Render it."""
        moments = self.frames * (2 if self.fields else 1)
        rate = Fraction(self.rate) * (2 if self.fields else 1)
        tags = f"range={self.range}:color_primaries={self.primaries}:color_trc={self.transfer}:colorspace={self.matrix}"
        # Each line twice a frame, at two moments, of which the first is the top field's or the bottom field's.
        woven = {None: "", "tff": ",tinterlace=interleave_top", "bff": ",tinterlace=interleave_bottom"}[self.fields]
        said = f"setparams={tags}," if self.tagged else ""
        filters = f"{said}format={self.pixels}{woven},setsar={self.aspect}{self.filters}"
        command = [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo"),
            *("-pix_fmt", "yuv444p16le", "-s", f"{self.width}x{self.height}", "-r", str(rate), "-i", "pipe:0"),
            *("-vf", filters, *self.codec, *self.options, "-threads", "2", str(path)),
        ]
        frames = b"".join(self._samples(moment).tobytes() for moment in range(moments))
        subprocess.run(command, input=frames, check=True, timeout=60)
        return path

    def _samples(self, moment):
        light = np.zeros((self.height, self.width, 3))
        for number, patch in enumerate(PATCHES):
            light[: self.height // 2, self.width * number // 4 : self.width * (number + 1) // 4] = patch
        step = STEP / 2 if self.fields else STEP
        # The bar's place is told in pixels of the picture that is shown.
        left = [round((FIRST + step * moment + edge) * self.width / WIDTH) for edge in (0, BAR)]
        light[self.height // 2 :, left[0] : left[1]] = _BAR_LIGHT
        own = light @ (np.linalg.inv(_to_xyz(self.primaries)) @ _to_xyz("bt709")).T
        coded = CURVES[self.transfer](np.maximum(own, 0))
        red, blue = _LUMA[self.matrix]
        luma = coded @ np.array([red, 1 - red - blue, blue])
        pb, pr = (coded[..., 2] - luma) / (2 - 2 * blue), (coded[..., 0] - luma) / (2 - 2 * red)
        if self.range == "tv":
            planes = (16 + 219 * luma, 128 + 224 * pb, 128 + 224 * pr)
            return np.stack([np.round(plane * 256) for plane in planes]).astype("<u2")
        return np.stack([np.round(luma * 65535), *(np.round(plane * 65535 + 32768) for plane in (pb, pr))]).astype(
            "<u2"
        )


def expected(transfer="bt709", primaries="bt709"):
    """The red, green and blue that the patches should have, coded in a colour space, of 1."""
    own = np.array(PATCHES) @ (np.linalg.inv(_to_xyz(primaries)) @ _to_xyz("bt709")).T
    return CURVES[transfer](own)


def decoded(path, *, width, height, matrix="bt709"):
    """The frames of a rendition, as red, green and blue of 1: frame, line, column, colour."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(path), "-fps_mode", "passthrough"]
    command += ["-f", "rawvideo", "-pix_fmt", "yuv444p16le", "-"]
    raw = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    luma, pb, pr = np.moveaxis(np.frombuffer(raw, "<u2").reshape(-1, 3, height, width) / 256.0, 1, 0)
    luma, pb, pr = (luma - 16) / 219, (pb - 128) / 224, (pr - 128) / 224
    red, blue = _LUMA[matrix]
    r, b = luma + (2 - 2 * red) * pr, luma + (2 - 2 * blue) * pb
    return np.stack([r, (luma - red * r - blue * b) / (1 - red - blue), b], axis=-1)


def seen(picture, *, width, height):
    """A JPEG as whoever opens it sees it, like a rendition of one frame."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(picture)]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    return np.frombuffer(raw, np.uint8).reshape(1, height, width, 3) / 255


def patches(frames):
    """The colour in the middle of each patch, of every frame."""
    _, height, width, _ = frames.shape
    middles = [round(width * (2 * number + 1) / 8) for number in range(len(PATCHES))]
    return np.stack([frames[:, height // 8 : height // 3, at - 4 : at + 4].mean(axis=(1, 2)) for at in middles], axis=1)


def bars(frames):
    """Where the bar's left edge is in each frame, in pixels of a picture of `WIDTH`; and how much its lines differ."""
    _, height, width, _ = frames.shape
    lines = frames[:, height * 2 // 3 : height - 4, :, 1]
    # Half as bright as the bar: its edges.
    edge = (np.maximum(lines, 0).mean(axis=1) > lines.max() / 2).argmax(axis=1) * WIDTH / width
    return edge, np.abs(np.diff(lines, axis=1)).max()


def said_of_light(path):
    """What the first frame of a film says of its light, in numbers: of the master's display, MaxCLL and MaxFALL."""
    # ffprobe may have no decoder for AV1.
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", str(path), "-vf", "showinfo", "-frames:v", "1"]
    told = subprocess.run([*command, "-f", "null", "-"], check=True, capture_output=True, timeout=60).stderr.decode()
    lines = re.findall(r"side data - (Mastering display metadata|Content light level metadata): (.*)", told)
    return {kind: [float(number) for number in re.findall(r"(?<!:)\b\d+\.?\d*", line)] for kind, line in lines}
