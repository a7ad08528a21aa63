"""The environment contracts of encoding's functions."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter, field_validator

from lambdas.common.environment import Environment, json_of
from lambdas.common.ladder import DynamicRange
from lambdas.common.media import Tier
from lambdas.encoding.cost import JobSizes
from lambdas.encoding.farm_mode import Shortcuts
from lambdas.encoding.ladder import unpacked
from lambdas.encoding.models import Floor, SearchRules, SoundRules, VideoRecipe
from lambdas.encoding.off_peak import OffPeak
from lambdas.encoding.queue_depth import MOST_COUNTED
from lambdas.encoding.retries import RetryRules
from lambdas.encoding.watch import Patience

_QUEUES: TypeAdapter[dict[str, str]] = TypeAdapter(Annotated[dict[str, str], Field(min_length=1)])
_FLOORS = TypeAdapter(dict[Tier, Floor])


class StartEnvironment(Environment):
    """`start`: one execution a version.

    `off_peak` is an `OffPeak` as JSON; empty: at any time.
    """

    state_machine_arn: str
    off_peak: str = ""

    @field_validator("off_peak")
    @classmethod
    def _off_peak_is_a_window(cls, value: str) -> str:
        if value:
            OffPeak.model_validate_json(value)
        return value

    @property
    def window(self) -> OffPeak | None:
        """When campaigns are encoded."""
        return OffPeak.model_validate_json(self.off_peak) if self.off_peak else None


class CapsEnvironment(Environment):
    """`raise_cap`: says what encoding a version may cost."""

    caps_table: str
    title_cap_usd: Annotated[float, Field(gt=0, description="where nobody has said otherwise")]


class CapEnvironment(CapsEnvironment):
    """What is needed to hold a version to its cap."""

    jobs_table: str


class StockEnvironment(CapEnvironment):
    """`take_stock`: looks what a version has cost, and where its jobs shall wait from now on."""

    work_bucket: str
    encoding_queue: str
    on_demand_queue: str


class ProspectEnvironment(StockEnvironment):
    """What is needed to say what is to come of a plan, and to choose its ladder.

    `floors` is a JSON object: by tier, the `Floor` of the best rung.
    """

    capacity: Annotated[str, Field(description="of `prices.json`: what the jobs are expected to run on")]
    sizes: Annotated[str, json_of(JobSizes)]
    at_once: Annotated[int, Field(ge=1, description="jobs of a title in the queue or at work")]
    on_demand_vcpus: Annotated[int, Field(ge=1, description="of the farm")]
    sla_hours: Annotated[int, Field(ge=1, description="from a title's delivery until it has to be ready")]
    floors: str

    @field_validator("floors")
    @classmethod
    def _floors_are_floors(cls, value: str) -> str:
        _FLOORS.validate_json(value)
        return value

    @property
    def job_sizes(self) -> JobSizes:
        """The jobs' sizes, parsed."""
        return JobSizes.model_validate_json(self.sizes)

    @property
    def sla(self) -> timedelta:
        """How long processing may take."""
        return timedelta(hours=self.sla_hours)

    @property
    def floor_of_tiers(self) -> dict[Tier, Floor]:
        """The floors, parsed."""
        return _FLOORS.validate_json(self.floors)


class PlanEnvironment(ProspectEnvironment):
    """`plan`: plans a version, up to the search for its ladder.

    `ladder` is `packed`; its widths and heights are boxes to fit the picture into.
    """

    media_bucket: str
    ladder: str
    chunk_segments: Annotated[int, Field(ge=1, description="segments a chunk")]
    segment_s: Annotated[float, Field(gt=0, description="seconds a segment, nominally")]
    mode_application: str
    mode_environment: str
    mode_profile: str
    shortcuts: Annotated[str, json_of(Shortcuts)]
    search: Annotated[str, json_of(SearchRules)]
    sound: Annotated[str, json_of(SoundRules)]

    @field_validator("ladder")
    @classmethod
    def _ladder_is_recipes(cls, value: str) -> str:
        recipes = unpacked(value)
        if len({recipe.rung for recipe in recipes}) != len(recipes):
            message = "a rung stands twice in the ladder"
            raise ValueError(message)
        if all(recipe.dynamic_range is not DynamicRange.SDR for recipe in recipes):
            message = "the ladder has HDR10 rungs alone, and most sources are SDR: give it some of that"
            raise ValueError(message)
        return value

    @property
    def recipes(self) -> tuple[VideoRecipe, ...]:
        """The ladder, parsed."""
        return unpacked(self.ladder)

    @property
    def left_out(self) -> Shortcuts:
        """What degraded mode leaves out, parsed."""
        return Shortcuts.model_validate_json(self.shortcuts)

    @property
    def sound_rules(self) -> SoundRules:
        """What is made of a film's sound, parsed."""
        return SoundRules.model_validate_json(self.sound)

    @property
    def search_rules(self) -> SearchRules:
        """What the search is held to, parsed."""
        return SearchRules.model_validate_json(self.search)


class ChooseEnvironment(ProspectEnvironment):
    """`choose_ladder`: puts the ladder that was found into a version's plan."""

    event_bus: str


class RepackageEnvironment(ProspectEnvironment):
    """`plan_repackaging`: plans a version that has the tracks of another."""

    event_bus: str


class JudgeEnvironment(Environment):
    """`judge_quality`: stands between an encode and its packaging."""

    work_bucket: str
    event_bus: str


class RegisterEnvironment(Environment):
    """`register`: announces what was packaged."""

    work_bucket: str
    event_bus: str


class QueuesEnvironment(Environment):
    """The queues that encodes wait in: their ARNs, with commas between them."""

    job_queues: Annotated[str, Field(min_length=1)]

    @property
    def queue_arns(self) -> list[str]:
        """Them, one by one."""
        return self.job_queues.split(",")


class ProgressEnvironment(QueuesEnvironment):
    """`progress`: tells how encodes are getting on."""

    jobs_table: str
    work_bucket: str
    event_bus: str


class JobsEnvironment(CapEnvironment, QueuesEnvironment):
    """`jobs`: tells what was done for a version, how far it is, and what it cost and may cost."""

    work_bucket: str


class RetryEnvironment(CapEnvironment):
    """`decide_retry`: says what becomes of a failed job."""

    first_pause_s: Annotated[int, Field(ge=0, description="the longest first pause, in seconds; it doubles every time")]
    most_memory_mib: Annotated[int, Field(gt=0)]
    on_demand_queue: str

    @property
    def rules(self) -> RetryRules:
        """How often a job is tried again, and after how long a pause."""
        return RetryRules(first_pause_s=self.first_pause_s, most_memory_mib=self.most_memory_mib)


class LeaveSpotEnvironment(Environment):
    """`leave_spot`: moves jobs on demand that cannot wait any longer."""

    encoding_queue: str


class RetryVersionEnvironment(Environment):
    """`retry_version`: starts an encode again."""

    state_machine_arn: str


class ModeEnvironment(Environment):
    """`set_farm_mode`: changes the farm's mode, and tells it."""

    modes_table: str
    event_bus: str
    mode_application: str
    mode_environment: str
    mode_profile: str
    mode_strategy: str
    normal_version: Annotated[str, Field(description="of the hosted configuration that the stack made")]


class KeepModeEnvironment(ModeEnvironment, QueuesEnvironment):
    """`keep_farm_mode`: ends a degraded mode, and hands out what was not."""

    drained_below: Annotated[int, Field(ge=0, le=MOST_COUNTED)]


class WatchEnvironment(Environment):
    """`watch_farm`: looks after the queues, and ends what is stuck.

    `queues` is a JSON object: the queues' ARNs by their names.
    """

    queues: str
    jobs_table: str
    heartbeat_minutes: Annotated[int, Field(gt=0, description="without a word of a worker")]
    starting_minutes: Annotated[int, Field(gt=0, description="from a task's making to its container's start")]
    runnable_minutes: Annotated[int, Field(gt=0, description="without a machine, and not waiting for its turn")]

    @field_validator("queues")
    @classmethod
    def _queues_are_named(cls, value: str) -> str:
        _QUEUES.validate_json(value)
        return value

    @property
    def arns(self) -> dict[str, str]:
        """The queues' ARNs, by name."""
        return _QUEUES.validate_json(self.queues)

    @property
    def patience(self) -> Patience:
        """After how long a job counts as stuck."""
        return Patience(
            heartbeat_minutes=self.heartbeat_minutes,
            starting_minutes=self.starting_minutes,
            runnable_minutes=self.runnable_minutes,
        )


class DescribeEnvironment(WatchEnvironment):
    """`describe_farm`: tells how the queues are, and why a job is where it is."""

    first_pause_s: Annotated[int, Field(ge=0, description="as `decide_retry` has it")]
    most_memory_mib: Annotated[int, Field(gt=0, description="the same")]

    @property
    def rules(self) -> RetryRules:
        """How often a job is tried again, and after how long a pause."""
        return RetryRules(first_pause_s=self.first_pause_s, most_memory_mib=self.most_memory_mib)
