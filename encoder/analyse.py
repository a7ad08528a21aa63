"""Task ``analyse``: measure the quality of a delivery's feature. It measures and never judges; ingestion does that."""

from __future__ import annotations

import hashlib
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from encoder.log import say
from encoder.quality import complexity, picture
from encoder.quality.decode import decode
from encoder.quality.sound import measure_sound
from encoder.quality.source import Source
from encoder.quality.sprites import SpriteLayout
from encoder.quality.stills import Stills
from encoder.storage import ObjectStore, parse_uri
from encoder.tools import Media
from encoder.window import Window
from lambdas.common.keys import Analysis
from lambdas.common.media import ObjectRef
from lambdas.ingestion.analysis import MOST_SHOTS, AnalysisReport, Sound

# Measurements that are taken otherwise are other measurements: another number measures anew.
_METHOD = 3
_JPEG, _VTT = "image/jpeg", "text/vtt"


def analyse(*, source: str, source_version: str | None, version_id: str, work_bucket: str, store: ObjectStore) -> None:
    """Measure the feature at `source` and write an `AnalysisReport`, unless that is done already.

    Beside the report lie a still of each span that was found, and the seek thumbnails: sprite sheets and the WebVTT
    track that names them. The report comes last.

    Parameters
    ----------
    source
        ``s3://…``, the feature.
    source_version
        The S3 version that was inspected; none for the newest.
    version_id
        The version that the analysis is of; it says where the results lie (`Analysis`).
    work_bucket
        The bucket they are written to.

    Raises
    ------
    AddressError
        If `source` is not ``s3://bucket/key``.
    ObjectMissingError
        If it does not exist.
    ToolFailedError
        If it is not a film, does not decode to its end, or takes many times its length.
    """
    feature = parse_uri(source).model_copy(update={"version_id": source_version})
    analysis = Analysis(version_id)
    target = ObjectRef(bucket=work_bucket, key=analysis.report)
    made_of = hashlib.sha256(f"{_METHOD} {feature.model_dump_json()}".encode()).hexdigest()
    if store.has(target, fingerprint=made_of):
        say("already analysed", object=target.uri)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Window(store, feature) as window:
            say("opened", object=feature.uri, bytes=window.size_bytes)
            report = measure(window.url, folder=folder, analysis=analysis)
        _put(report, folder=folder, analysis=analysis, bucket=work_bucket, store=store)
    store.write(report, target, fingerprint=made_of)
    say("analysed", object=target.uri, duration_s=report.duration_s, analysis_s=report.analysis_s)


def measure(film: Media, *, folder: Path, analysis: Analysis) -> AnalysisReport:
    """Measure `film`; leave ``stills/`` and ``thumbnails/`` in `folder`.

    Raises
    ------
    ToolFailedError
        As in `analyse`.
    """
    begun = time.monotonic()
    source = Source.open(film)
    clock = source.clock
    thumbnails, pictures = folder / "thumbnails", folder / "stills"
    thumbnails.mkdir()
    pictures.mkdir()
    layout = SpriteLayout.of(
        width=source.picture.width,
        height=source.picture.height,
        sample_aspect=Fraction(source.sample_aspect),
        duration_s=source.duration_s,
    )
    decoded = decode(source, folder=thumbnails, layout=layout)
    frames = picture.read_frames(decoded, source)
    say("decoded", frames=len(frames), seconds=round(time.monotonic() - begun, 3))
    stills = Stills(key=analysis.still)
    repetition, interlacing = picture.repetition(frames, clock), picture.interlacing(frames, clock)
    levels = picture.levels(frames, clock)
    shots, aspect = picture.shots(frames, clock), picture.aspect(frames, decoded=decoded, source=source)
    samples = complexity.read_samples(decoded.detail, window=complexity.Window.of(aspect))
    samples = complexity.within_shots(samples, shots)
    black, freeze = picture.black_spans(frames, clock), picture.freeze_spans(frames, clock)
    report = AnalysisReport(
        frames=len(frames),
        frame_rate=f"{clock.rate.numerator}/{clock.rate.denominator}",
        duration_s=round(clock.seconds(len(frames)), 6),
        black=stills.of("black", black),
        freeze=stills.of("freeze", freeze),
        repetition=repetition.model_copy(
            update={
                "spans": stills.of("duplicate_frames", repetition.spans),
                "dead": stills.of("dead_frames", repetition.dead),
            }
        ),
        interlacing=interlacing.model_copy(update={"spans": stills.of("interlacing", interlacing.spans)}),
        aspect=aspect,
        levels=levels.model_copy(update={"spans": stills.of("levels", levels.spans)}),
        sound=tuple(_illustrated(sound, stills) for sound in measure_sound(frames, decoded=decoded, source=source)),
        shots=complexity.with_complexity(shots, samples)[:MOST_SHOTS],
        shot_count=len(shots),
        complexity=complexity.film_complexity(samples, frames=frames, shots=shots, aspect=aspect),
        thumbnails=analysis.thumbnails,
        thumbnail_count=layout.count(len(frames), rate=clock.rate),
        analysis_s=0.0,
    )
    track = layout.webvtt(len(frames), rate=clock.rate, analysis=analysis)
    (thumbnails / Path(analysis.thumbnails).name).write_text(track, encoding="utf-8")
    stills.make(source, pictures)
    return report.model_copy(update={"analysis_s": round(time.monotonic() - begun, 3)})


def _illustrated(sound: Sound, stills: Stills) -> Sound:
    track = f"-{sound.stream}" if sound.stream else ""
    sync = sound.sync and sound.sync.model_copy(update={"spans": stills.of(f"av_sync{track}", sound.sync.spans)})
    return sound.model_copy(update={"silence": stills.of(f"silence{track}", sound.silence), "sync": sync})


def _put(report: AnalysisReport, *, folder: Path, analysis: Analysis, bucket: str, store: ObjectStore) -> None:
    def put(path: Path, key: str, content_type: str) -> None:
        store.put(path, ObjectRef(bucket=bucket, key=key), content_type=content_type)

    for still in sorted((folder / "stills").glob("*.jpg")):
        put(still, analysis.still(still.stem), _JPEG)
    for index, sheet in enumerate(sorted((folder / "thumbnails").glob("sprite-*.jpg"))):
        put(sheet, analysis.sprite(index), _JPEG)
    # The track comes after the sheets that it names.
    put(folder / "thumbnails" / Path(report.thumbnails).name, report.thumbnails, _VTT)
