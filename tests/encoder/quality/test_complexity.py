"""How hard a picture is to encode: what is computed of samples, and what comes out of films of known kinds."""

import math
import random
import statistics
import sys
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoder.analyse import measure as measure_film
from encoder.quality import complexity
from encoder.quality.complexity import Sample, Window, film_complexity, overall, read_samples, with_complexity
from encoder.quality.decode import DETAIL_COLUMNS, DETAIL_LINES, DETAIL_PEAK, DetailFiles
from encoder.quality.picture import Frame
from lambdas.common.keys import Analysis
from lambdas.ingestion.analysis import Aspect, Shot
from tests.encoder.quality import clips
from tests.encoder.quality.clips import HEIGHT, WIDTH, barred, darkened, grainy, grey, page

CELLS = DETAIL_COLUMNS * DETAIL_LINES
LOSSLESS = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0")

informations = st.floats(0, 400)
samples_of_a_film = st.lists(st.tuples(informations, informations), min_size=1, max_size=30).map(
    lambda pairs: [
        Sample(frame=12 * number, spatial=spatial, temporal=temporal, grain=None, dark=0.0)
        for number, (spatial, temporal) in enumerate(pairs)
    ]
)


def shape(*, width=1920, height=1080, top=0, bottom=0, left=0, right=0):
    return Aspect(
        width=width,
        height=height,
        sample_aspect="1/1",
        bar_top=top,
        bar_bottom=bottom,
        bar_left=left,
        bar_right=right,
    )


def shot(frame):
    return Shot(first_frame=frame, start_s=frame / 24, timecode="00:00:00:00", score=0.0)


def frame(change):
    return Frame(
        black=False,
        frozen=False,
        change=change,
        cut=0.0,
        field_order="progressive",
        active=None,
        luma=0.5,
        outside=0.0,
    )


def grids(folder, **files):
    """Files of detail with these samples."""
    paths = {}
    for name, values in files.items():
        samples = array("H", values)
        if sys.byteorder == "big":
            samples.byteswap()
        paths[name] = Path(folder) / name
        paths[name].write_bytes(samples.tobytes())
    return DetailFiles(stride=12, **paths)


# Samples


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 32))
def test_information_is_the_standard_deviation_of_the_samples_in_the_window(seed, left, top):
    chance = random.Random(seed)  # noqa: S311 - a test's picture
    window = Window(range(left, DETAIL_COLUMNS), range(top, DETAIL_LINES))
    first, second, edges = ([chance.randrange(DETAIL_PEAK + 1) for _ in range(CELLS)] for _ in range(3))
    with TemporaryDirectory() as folder:
        files = grids(folder, luma=[*first, *second], edges=edges, noise=[0] * CELLS)
        [sample] = read_samples(files, window=window)
    kept = [line * DETAIL_COLUMNS + column for line in window.lines for column in window.columns]
    # Full-scale luma is 255 of full range, and 219 steps of video range are spread to that.
    scale = 255 / DETAIL_PEAK * 255 / 219
    assert sample.temporal == pytest.approx(scale * statistics.pstdev(second[at] - first[at] for at in kept))
    assert sample.spatial == pytest.approx(6 * scale * statistics.pstdev(edges[at] for at in kept))
    assert sample.dark == pytest.approx(sum(first[at] < 60 * DETAIL_PEAK / 255 for at in kept) / len(kept))


def test_a_last_frame_that_no_other_follows_is_left_out(tmp_path):
    even = [2000] * CELLS
    files = grids(tmp_path, luma=even * 3, edges=even * 2, noise=even)
    assert [sample.frame for sample in read_samples(files, window=Window.of(shape()))] == [0]


def test_grain_is_that_of_the_smoothest_quarter_and_not_of_black_or_white(tmp_path):
    # A tenth of the picture is neither black nor white, and of that a half is smooth.
    told = [*range(0, CELLS, 10)]
    luma, noise = [300] * CELLS, [0] * CELLS
    for number, at in enumerate(told):
        luma[at], noise[at] = 2000, 40 if number % 2 else 400
    files = grids(tmp_path, luma=luma * 2, edges=luma, noise=noise)
    [sample] = read_samples(files, window=Window.of(shape()))
    # Immerkaer's formula, of 80 (the mask's negative half is as large), in 8 bits, of two frames' grain.
    assert sample.grain == pytest.approx(math.sqrt(math.pi / 2) * 80 / 6 * 255 / DETAIL_PEAK / math.sqrt(2))


def test_grain_is_unknown_where_all_is_black(tmp_path):
    files = grids(tmp_path, luma=[257] * 2 * CELLS, edges=[0] * CELLS, noise=[0] * CELLS)
    [sample] = read_samples(files, window=Window.of(shape()))
    assert (sample.grain, sample.dark) == (None, 1.0)


bars = st.integers(0, 300)


@given(top=bars, bottom=bars, left=bars, right=bars)
def test_no_cell_of_the_window_touches_a_bar(top, bottom, left, right):
    aspect = shape(top=top, bottom=bottom, left=left, right=right)
    window = Window.of(aspect)
    assert window.columns.start * 1920 >= left * DETAIL_COLUMNS
    assert window.columns.stop * 1920 <= (1920 - right) * DETAIL_COLUMNS
    assert window.lines.start * 1080 >= top * DETAIL_LINES
    assert window.lines.stop * 1080 <= (1080 - bottom) * DETAIL_LINES


def test_a_picture_that_is_all_bars_is_measured_altogether():
    assert Window.of(shape(top=540, bottom=540)) == Window.of(shape())


# What they come to


@given(samples_of_a_film)
def test_a_film_is_as_complex_as_something_in_it(samples):
    each = [overall([sample]) for sample in samples]
    assert min(each) - 1e-9 <= overall(samples) <= max(each) + 1e-9


@given(samples_of_a_film, st.integers(0, 29), st.floats(1.01, 4))
def test_more_information_is_more_complex(samples, which, factor):
    at = which % len(samples)
    changed = list(samples)
    changed[at] = samples[at]._replace(temporal=samples[at].temporal * factor)
    assert overall(changed) >= overall(samples)
    if samples[at].spatial * samples[at].temporal > 1:
        assert overall(changed) > overall(samples)


def test_a_film_that_stands_still_has_no_complexity():
    assert overall([Sample(frame=0, spatial=90.0, temporal=0.0, grain=None, dark=0.0)]) == 0


@given(samples_of_a_film, st.sets(st.integers(1, 360)))
def test_shots_share_the_films_samples_among_them(samples, cuts):
    shots = [shot(0), *map(shot, sorted(cuts))]
    told = with_complexity(shots, samples)
    assert [each.first_frame for each in told] == [each.first_frame for each in shots]
    ends = [*(each.first_frame for each in shots[1:]), math.inf]
    for each, end in zip(told, ends, strict=True):
        own = [sample for sample in samples if each.first_frame <= sample.frame < end]
        assert each.complexity == (pytest.approx(overall(own), abs=0.001) if own else None)


@given(samples_of_a_film, st.sets(st.integers(1, 360)))
def test_a_step_over_a_cut_is_never_counted(samples, cuts):
    kept = complexity.within_shots(samples, [shot(0), *map(shot, sorted(cuts))])
    assert {sample.frame for sample in samples} - {sample.frame for sample in kept} == {
        sample.frame for sample in samples if sample.frame + 1 in cuts
    }


def test_motion_leaves_cuts_and_bars_out():
    samples = [Sample(frame=0, spatial=1.0, temporal=1.0, grain=1.0, dark=0.0)]
    frames = [frame(change) for change in (0.0, 2.0, 2.0, 50.0, 2.0)]
    half = shape(top=270, bottom=270)
    found = film_complexity(samples, frames=frames, shots=[shot(0), shot(3)], aspect=half)
    assert found.motion_percent == pytest.approx(4.0)
    assert (found.active.top, found.active.height, found.active.width) == (270, 540, 1920)


def test_of_what_was_not_measured_nothing_is_said():
    assert film_complexity([], frames=[frame(0.0)], shots=[shot(0)], aspect=shape()) is None


# Films


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Write a film without loss, and return its complexity."""

    def run(frames, after=LOSSLESS):
        folder = tmp_path_factory.mktemp("complexity")
        film = clips.write(folder / "film.mov", frames, after=after)
        return measure_film(film, folder=folder, analysis=Analysis("v1")).complexity

    return run


@pytest.fixture(scope="module")
def kinds(told, moving):
    """Films of known kinds."""
    films = {
        "flat": grey(26),
        "fine grain": grainy(26, sigma=1),
        "coarse grain": grainy(26, sigma=4),
        "screen": page(26),
        "bright": moving[:26],
        "dark": [darkened(frame) for frame in moving[:26]],
    }
    return {name: told(frames) for name, frames in films.items()}


def siti(path):
    """SI and TI of each frame by ffmpeg's filter, which takes as full range what is not tagged otherwise."""
    said = clips.ffmpeg("-i", path, "-vf", "siti,metadata=print:file=-", "-f", "null", "-").decode()
    values = [float(line.rpartition("=")[2]) for line in said.splitlines() if line.startswith("lavfi.siti.")]
    return list(zip(values[::2], values[1::2], strict=True))


@pytest.mark.parametrize(("pixels", "unit"), [("yuv420p", 1), ("yuv422p10le", 1023 / 255)])
def test_information_is_what_ffmpegs_own_filter_finds(told, moving, tmp_path, pixels, unit):
    film, after = moving[:48], ("-pix_fmt", pixels, *LOSSLESS)
    found = told(film, after=after)
    # At 23.976 a second, every 12th frame is measured; its step is that to the next.
    theirs = siti(clips.write(tmp_path / "theirs.mov", film, after=after))
    spatial = statistics.fmean(theirs[number][0] for number in range(0, 48, 12)) / unit
    temporal = statistics.fmean(theirs[number + 1][1] for number in range(0, 48, 12)) / unit
    assert found.measured_frames == 4
    # One pixel in five, of five lines one.
    assert found.spatial_mean == pytest.approx(spatial, rel=0.06)
    assert found.temporal_mean == pytest.approx(temporal, rel=0.06)


def test_grain_is_told_from_what_is_smooth_and_from_what_stands_still(kinds):
    # The smoothest quarter of a noise is less than all of it: cells of this small picture have 25 pixels.
    assert kinds["fine grain"].grain == pytest.approx(1, rel=0.25)
    assert kinds["coarse grain"].grain == pytest.approx(4, rel=0.25)
    assert kinds["flat"].grain == kinds["screen"].grain == 0
    assert kinds["bright"].grain < 0.5


def test_complexity_rises_with_what_there_is_to_encode(kinds):
    flat, fine, coarse, screen, motion, dark = kinds.values()
    assert (flat.overall, flat.spatial_mean, flat.temporal_mean, flat.motion_percent) == (0, 0, 0, 0)
    assert 0 < fine.overall < coarse.overall < motion.overall
    assert 0 < dark.overall < motion.overall
    assert 0 < screen.overall < motion.overall
    assert screen.spatial_mean > motion.spatial_mean > coarse.spatial_mean > fine.spatial_mean > 0
    assert motion.temporal_mean > coarse.temporal_mean > fine.temporal_mean > 0
    assert motion.motion_percent > coarse.motion_percent > screen.motion_percent > 0


def test_a_still_picture_has_no_complexity_however_rich_it_is(told):
    found = told(page(1) * 26)
    assert (found.overall, found.temporal_max) == (0, 0)
    assert found.spatial_mean > 100


def test_what_is_dark_is_told_from_what_is_bright(kinds):
    assert kinds["dark"].dark_percent == 100
    assert kinds["bright"].dark_percent < 50
    assert kinds["flat"].dark_percent == 0


def test_bars_are_neither_picture_nor_dark(told, kinds):
    found, whole = told([barred(frame, top=40) for frame in grainy(26, sigma=4)]), kinds["coarse grain"]
    assert (found.active.top, found.active.height, found.active.width) == (40, HEIGHT - 80, WIDTH)
    assert found.dark_percent == 0
    for name in ("spatial_mean", "temporal_mean", "motion_percent", "grain"):
        assert getattr(found, name) == pytest.approx(getattr(whole, name), rel=0.1), name


def test_each_shot_has_its_own_complexity(measure, moving):
    report = measure([*grainy(30, sigma=1), *moving[:40]], after=LOSSLESS)
    calm, lively = report.shots
    assert lively.first_frame == 30
    assert calm.complexity < report.complexity.overall < lively.complexity


@pytest.mark.parametrize(
    "after",
    [
        ("-pix_fmt", "gbrp", "-c:v", "libx264rgb", "-qp", "0"),
        ("-pix_fmt", "yuva444p10le", "-c:v", "prores_ks", "-profile:v", "4444", "-qscale:v", "2"),
    ],
)
def test_samples_of_any_kind_are_measured_alike(told, kinds, moving, after):
    found = told(moving[:26], after=after)
    assert found.spatial_mean == pytest.approx(kinds["bright"].spatial_mean, rel=0.05)
    assert found.temporal_mean == pytest.approx(kinds["bright"].temporal_mean, rel=0.05)


def test_a_film_of_one_frame_has_no_complexity(measure, moving):
    report = measure(moving[:1])
    assert report.complexity is None
    assert [shot.complexity for shot in report.shots] == [None]
