"""What the jobs of a plan are called. A job's name says everything that its result depends on.

The same piece of work has the same name in every execution, so that its result is found again; another recipe, source
or border makes another name, so that a result is never taken for what it is not.
"""

from __future__ import annotations

import hashlib
import re

from pydantic import BaseModel

from lambdas.encoding.models import EncodingPlan

_ENCODE = re.compile(r"(?P<version>[cv][0-9a-f]{16})-")
_METHOD = 4
"""Jobs that are done otherwise give other results: another number is another name for each."""
_SCORING = 2
"""The same, of scores alone."""


class JobIds:
    """The ids of a plan's jobs, each unique within the version.

    ::

        search/{digest}    chunk/{rung}/{index}/{digest}    audio/{track}/{digest}    join/{rung}/{digest}
        score/{rung}/{digest}    package/{digest}    verify/{digest}
    """

    def __init__(self, plan: EncodingPlan) -> None:
        self._plan = plan
        self._whole = _digest(plan)
        self._cut = (plan.picture, plan.frame_rate, plan.picture_start_s, plan.segment_frames)

    @property
    def search(self) -> str:
        """The id of the search for the title's ladder. It does not depend on what the search finds."""
        plan = self._plan
        return f"search/{_digest(plan.source, *plan.fixed, *plan.excerpts, plan.search, plan.vmaf_target, *self._cut)}"

    def chunk(self, rung: str, index: int) -> str:
        """Return the id of a chunk's job. It depends on the source, the recipe and the borders, and on nothing else."""
        plan = self._plan
        [chunk] = [chunk for chunk in plan.chunks if chunk.index == index]
        digest = _digest(plan.source, plan.recipe(rung, index), chunk, *self._cut)
        return f"chunk/{rung}/{index:05d}/{digest}"

    def audio(self, name: str) -> str:
        """Return the id of the job that encodes a track of sound."""
        plan = self._plan
        [track] = [track for track in plan.audio if track.name == name]
        return f"audio/{name}/{_digest(plan.source, track, plan.frame_rate, plan.picture_start_s, plan.frames)}"

    def join(self, rung: str) -> str:
        """Return the id of the job that joins the chunks of a rung."""
        return f"join/{rung}/{self._rung(rung)}"

    def score(self, rung: str) -> str:
        """Return the id of the job that measures a rung: by what, and with what pictures, its floor and screen say."""
        floor = next((floor for floor in self._plan.floors if floor.rung == rung), None)
        [codec] = [recipe.codec for recipe in self._plan.video if recipe.rung == rung]
        return f"score/{rung}/{_digest(_SCORING, self._rung(rung), floor, *self._plan.display_of(codec))}"

    @property
    def package(self) -> str:
        """The id of the packaging."""
        return f"package/{self._whole}"

    @property
    def verify(self) -> str:
        """The id of the check of what was packaged."""
        return f"verify/{self._whole}"

    def _rung(self, rung: str) -> str:
        plan = self._plan
        recipes = [plan.recipe(rung, chunk.index) for chunk in plan.chunks]
        return _digest(plan.source, *recipes, *plan.chunks, *self._cut)


def batch_name(version_id: str, job: str) -> str | None:
    """Return the name of the Batch jobs that do a job, by its id, with or without the digest; none of anything else."""
    match job.strip("/").split("/"):
        case ["chunk", rung, index, *_] if index.isdecimal():
            return f"{version_id}-{rung}-chunk-{int(index)}"
        case ["join" | "score" as task, rung, *_]:
            return f"{version_id}-{rung}-{task}"
        case ["audio", track, *_]:
            return f"{version_id}-audio-{track}"
        case ["search" | "package" | "verify" as task, *_]:
            return f"{version_id}-{task}"
        case _:
            return None


def version_of(batch_name: str) -> str | None:
    """Return the version that a Batch job works for, by its name; none of an inspection, an analysis or a checksum."""
    found = _ENCODE.match(batch_name)
    return found["version"] if found else None


def _digest(*depends_on: BaseModel | str | float | None) -> str:
    said = [value.model_dump_json() if isinstance(value, BaseModel) else str(value) for value in depends_on]
    return hashlib.sha256("\n".join([str(_METHOD), *said]).encode()).hexdigest()[:16]
