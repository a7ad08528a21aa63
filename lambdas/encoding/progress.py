"""How far the encoding of a version is, and when it should be done. Pure.

It is worked out anew each time, from the plan (which jobs there are), the records of the jobs (how they stand) and the
prediction (how long they should take). So nothing is counted that could be counted twice. Until the ladder is chosen,
the jobs are those of the fixed one: about as many, and what they should take.

**When it should be done.** In units of vCPU-seconds, of the jobs of the plan but for the search, which is over by then:
how long it took says nothing of the others, and while it ran, it was alone:

- *f*, how much longer jobs take than predicted: what the attempts that finished a job used, over its prediction;
- *r(j)*, what is left of a job: 0 if it is finished, else *f* times its prediction, less what its running attempt has
  used; never negative;
- *k*, the vCPUs that the version had up to now: what attempts used that are running or brought a result, over the time
  since the first of them began. Waiting in the queue and attempts in vain make it smaller.

The steps of the workflow come one after the other: the chunks and the sound, the rungs (join, then score), packaging,
the check. A step takes the sum of its *r(j)* over *k*, and no less than its longest job, or the two of a rung, take by
themselves.

It ignores that the farm may become more or less busy than it was up to now, that another kind of job may be off its
prediction by another factor, retries to come, the pauses before them, and the start of machines and containers. It is
good to no better than the prediction, and says nothing before the first job is done, or without a prediction.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import fsum
from typing import NamedTuple

from pydantic import AwareDatetime, Field

from lambdas.common.events import EncodingProgressed, JobCounts, QueueDepth
from lambdas.common.media import Record
from lambdas.encoding.claims import Attempt, JobRecord, JobState
from lambdas.encoding.cost import Place, Prediction, Stage, place_of
from lambdas.encoding.job_ids import JobIds
from lambdas.encoding.models import EncodingPlan

_STEPS: tuple[frozenset[Stage], ...] = (
    frozenset({Stage.ENCODE, Stage.AUDIO}),
    frozenset({Stage.JOIN, Stage.SCORE}),
    frozenset({Stage.PACKAGE}),
    frozenset({Stage.VERIFY}),
)


class StageProgress(Record):
    """How the jobs of one stage, or of one stage and rung, stand."""

    stage: Stage
    rung: str | None
    jobs: JobCounts
    attempts: int


class Progress(Record):
    """How far a version is."""

    at: AwareDatetime = Field(description="when the records were read")
    lines: tuple[StageProgress, ...] = Field(description="by stage, then in the ladder's order")
    eta: AwareDatetime | None = Field(description="none: nobody can say, or all is done")

    @property
    def jobs(self) -> JobCounts:
        """All jobs."""
        return _sum(line.jobs for line in self.lines)

    @property
    def chunks(self) -> JobCounts:
        """Those that encode chunks."""
        return _sum(line.jobs for line in self.lines if line.stage is Stage.ENCODE)

    @property
    def finished(self) -> bool:
        """Whether every job has its result."""
        return self.jobs.done == self.jobs.total


def planned_jobs(plan: EncodingPlan) -> tuple[str, ...]:
    """Return the ids of all jobs of a plan, by stage, then in the ladder's order and the film's."""
    ids = JobIds(plan)
    if plan.repackages:
        return ids.package, ids.verify
    rungs = [recipe.rung for recipe in plan.video]
    return (
        *([ids.search] if plan.search else []),
        *(ids.chunk(rung, chunk.index) for rung in rungs for chunk in plan.chunks),
        *(ids.audio(track.name) for track in plan.audio),
        *(ids.join(rung) for rung in rungs),
        *(ids.score(rung) for rung in rungs),
        ids.package,
        ids.verify,
    )


def progress_of(
    plan: EncodingPlan, *, records: Iterable[JobRecord], prediction: Prediction | None, at: datetime
) -> Progress:
    """Return how far the version of `plan` is.

    Parameters
    ----------
    records
        All that is known of the version's jobs. What an earlier plan of the same version left is passed over.
    prediction
        What the jobs should use; without it nobody can say when they will be done.
    at
        When the records were read.
    """
    known = {record.job: record for record in records}
    jobs = {job: known.get(job) for job in planned_jobs(plan)}
    places: defaultdict[Place, list[JobRecord | None]] = defaultdict(list)
    for job, record in jobs.items():
        places[place_of(job)].append(record)
    lines = tuple(_line(place, standing, at=at) for place, standing in places.items())
    timed = {job: record for job, record in jobs.items() if place_of(job).stage is not Stage.SEARCH}
    return Progress(at=at, lines=lines, eta=prediction and _eta(timed, prediction=prediction, at=at))


def told(plan: EncodingPlan, progress: Progress, *, usd: float | None, queue: QueueDepth) -> EncodingProgressed:
    """Return the event that tells of `progress`."""
    return EncodingProgressed(
        studio=plan.studio,
        delivery_id=plan.delivery_id,
        title_id=plan.title_id,
        version_id=plan.version_id,
        at=progress.at,
        jobs=progress.jobs,
        chunks=progress.chunks,
        eta=progress.eta,
        usd=usd,
        queue=queue,
    )


def _line(place: Place, records: Sequence[JobRecord | None], *, at: datetime) -> StageProgress:
    begun = [record for record in records if record is not None]
    counts = JobCounts(
        total=len(records),
        done=sum(record.finished for record in begun),
        running=sum(_running(record, at=at) is not None for record in begun),
        failed=sum(record.state is JobState.FAILED for record in begun),
    )
    attempts = sum(len(record.attempts) for record in begun)
    return StageProgress(stage=place.stage, rung=place.rung, jobs=counts, attempts=attempts)


def _running(record: JobRecord | None, *, at: datetime) -> Attempt | None:
    """Return the attempt that somebody makes at a job, and was heard of lately."""
    if record is None or record.state is not JobState.CLAIMED:
        return None
    return record.attempts[-1] if record.lease_until and at < record.lease_until else None


def _sum(counts: Iterable[JobCounts]) -> JobCounts:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each.model_dump())
    return JobCounts(**{name: total[name] for name in JobCounts.model_fields})


class _Expected(NamedTuple):
    """What one job should use, and on how many vCPUs."""

    vcpu_seconds: float
    vcpus: float


_NOTHING = _Expected(vcpu_seconds=0.0, vcpus=1.0)


def _eta(jobs: Mapping[str, JobRecord | None], *, prediction: Prediction, at: datetime) -> datetime | None:
    lines = {
        (line.stage, line.rung): _Expected(line.vcpu_seconds / line.jobs, line.vcpus)
        for line in prediction.lines
        if line.jobs
    }
    # What nobody expected takes no time: better than no answer, because of another job.
    expected = {job: lines.get(place_of(job), _NOTHING) for job in jobs}
    finished = {job: record.attempts[-1] for job, record in jobs.items() if record and record.finished}
    running = {job: attempt for job, record in jobs.items() if (attempt := _running(record, at=at))}
    expected_of_finished = fsum(expected[job].vcpu_seconds for job in finished)
    began = min((attempt.started_at for attempt in (*finished.values(), *running.values())), default=at)
    elapsed_s = (at - began).total_seconds()
    if len(finished) == len(jobs) or expected_of_finished <= 0 or elapsed_s <= 0:
        return None
    used_of_finished = fsum(attempt.vcpu_seconds for attempt in finished.values())
    used = {job: max(0.0, (at - a.started_at).total_seconds()) * a.worker.vcpus for job, a in running.items()}
    factor = used_of_finished / expected_of_finished
    busy_vcpus = (used_of_finished + fsum(used.values())) / elapsed_s
    if busy_vcpus <= 0:
        return None
    left = {
        job: each._replace(vcpu_seconds=max(0.0, factor * each.vcpu_seconds - used.get(job, 0.0)))
        for job, each in expected.items()
        if job not in finished
    }
    left_s = fsum(_step_s(step, left, busy_vcpus=busy_vcpus) for step in _STEPS)
    try:
        return at + timedelta(seconds=left_s)
    except OverflowError:
        # Beyond the calendar, by clocks that are far apart: nobody can say.
        return None


def _step_s(step: frozenset[Stage], left: Mapping[str, _Expected], *, busy_vcpus: float) -> float:
    """Return how many seconds a step of the workflow still takes."""
    total = 0.0
    one_after_the_other: defaultdict[str | None, float] = defaultdict(float)
    for job, (vcpu_seconds, vcpus) in left.items():
        stage, rung = place_of(job)
        if stage in step:
            total += vcpu_seconds
            chain = job if stage in {Stage.ENCODE, Stage.AUDIO} else rung
            one_after_the_other[chain] += vcpu_seconds / vcpus
    return max(total / busy_vcpus, max(one_after_the_other.values(), default=0.0))
