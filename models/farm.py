"""The encoding farm: how long titles wait, how many are in time, and what it costs.

What a title takes is the planner's own prediction, made of measured speeds (`lambdas.encoding.speed`), on the settings
of production; the simulation is `models.simulation`. Where there is an answer without one (M/M/c, Erlang's C formula),
it is here, and a test holds the simulation against it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from math import exp, inf, log

from lambdas.common.media import Priority
from lambdas.encoding.claims import Worker
from lambdas.encoding.cost import Prediction
from lambdas.encoding.cost import Stage as Phase
from lambdas.encoding.deadlines import SAFETY
from lambdas.encoding.prices import PriceList
from models.figures import Figure
from models.film import Film
from models.simulation import Farm, Fleet, Stage, Tally, Title
from stacks.settings import PRODUCTION, EncodingSettings

SEED = 20_261_123
_DAY_S = 86_400
_HD, _UHD = 1080, 2160
_TWO_SIGMA = 1.96
"""Within which 95 % of a normal distribution lie."""


class OverloadError(ValueError):
    """More work comes than servers can do: no wait is finite. The message says how many servers could."""


def erlang_c(*, load: float, servers: int) -> float:
    """Return the probability that who comes to M/M/c has to wait, from 0 to 1.

    By the recursion of Erlang's B formula, B(n) = a B(n-1) / (n + a B(n-1)), and C = B / (1 - (a / c) (1 - B)):
    Cooper, *Introduction to Queueing Theory*, 2nd ed. 1981.

    Parameters
    ----------
    load
        Arrivals times the mean service time, in erlangs (a).
    servers
        How many there are (c).

    Raises
    ------
    OverloadError
        If `load` is as much as the servers can do, or more.
    """
    if load >= servers:
        raise OverloadError(f"{load:g} erlangs on {servers} servers never drain: take {int(load) + 1} or more")
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mean_wait(*, arrivals_a_second: float, service_s: float, servers: int) -> float:
    """Return the mean wait in M/M/c, in seconds: C / (c mu - lambda).

    Raises
    ------
    OverloadError
        As in `erlang_c`.
    """
    waits = erlang_c(load=arrivals_a_second * service_s, servers=servers)
    return waits / (servers / service_s - arrivals_a_second)


def waits_longer(than_s: float, *, arrivals_a_second: float, service_s: float, servers: int) -> float:
    """Return the share of M/M/c that waits longer than `than_s`: C exp(-(c mu - lambda) t).

    Raises
    ------
    OverloadError
        As in `erlang_c`.
    """
    waits = erlang_c(load=arrivals_a_second * service_s, servers=servers)
    return waits * exp(-(servers / service_s - arrivals_a_second) * than_s)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What studios deliver. A title is two hours of SDR unless it is said otherwise."""

    titles_a_day: float = 100.0
    """The source document's own pace for the whole catalogue (its 15,000 titles at 100 a day)."""
    days: float = 3.0
    minutes: float = 120.0
    uhd_share: float = 0.3
    """Of titles, those of 2160 lines; the others have 1080. Assumption."""
    original_share: float = 0.2
    """Of titles, those that go first. Assumption; `bench.backlog` takes every fifth, too."""
    backlog_titles: int = 0
    """That wait already when it begins."""
    spread: float = SAFETY
    """Within which factor of the prediction 95 % of titles are (log-normal, of mean 1): what the planner supposes."""

    def films(self) -> tuple[tuple[float, Film], ...]:
        """Return the kinds of films, and their shares."""
        hd, uhd = Film(minutes=self.minutes, lines=_HD), Film(minutes=self.minutes, lines=_UHD)
        return ((1 - self.uhd_share, hd), (self.uhd_share, uhd))


def fleet_of(encoding: EncodingSettings, *, times: float = 1.0) -> Fleet:
    """Return the hosts that settings allow, or `times` as many: a host is what a large job takes."""
    return Fleet(
        spot_hosts=int(encoding.spot_max_vcpus * times) // encoding.job_vcpus,
        on_demand_hosts=int(encoding.on_demand_max_vcpus * times) // encoding.job_vcpus,
    )


@dataclass(frozen=True, kw_only=True)
class Farming:
    """Everything that a run needs."""

    demand: Demand = field(default_factory=Demand)
    encoding: EncodingSettings = PRODUCTION.encoding
    fleet: Fleet = field(default_factory=lambda: fleet_of(PRODUCTION.encoding))
    degraded: bool = False
    piece_s: float = 900.0
    """How long one host works on the chunks that it does one after the other, if nothing comes between: the longer, the
    faster and the coarser is the simulation. A chunk that takes longer is a piece by itself."""
    seed: int = SEED


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run came to."""

    tally: Tally
    usd: float
    sla_hours: float

    def within(self, hours: float, *, priority: Priority | None = None) -> float:
        """Return the share of titles that were processed within `hours` of their arrival, from 0 to 1."""
        found = self._hours(priority)
        return sum(1 for one in found if one <= hours) / len(found) if found else 1.0

    def percentile(self, share: float, *, priority: Priority | None = None) -> float:
        """Return the hours within which `share` of the titles were processed."""
        return _percentile(self._hours(priority), share)

    def waited(self, share: float, *, priority: Priority | None = None) -> float:
        """Return the minutes within which `share` of the pieces of work had begun."""
        waits = sorted(wait for which, wait in self.tally.waits_s if priority in {None, which})
        return _percentile(waits, share) / 60

    @property
    def sla_share(self) -> float:
        """Of titles, those that were processed within the hours that the settings promise."""
        return self.within(self.sla_hours)

    @property
    def cleared_hours(self) -> float:
        """When the last title of the backlog was done; 0 without a backlog."""
        waiting = [one.hours for one in self.tally.processed if one.title.arrives_s == 0]
        return max(waiting, default=0.0)

    @property
    def usd_a_title(self) -> float:
        """Of all that were processed."""
        return self.usd / len(self.tally.processed)

    @property
    def used_share(self) -> float:
        """Of the hours that are paid for, those with a result."""
        paid = self.tally.spot_hours + self.tally.on_demand_hours
        return (self.tally.busy_hours - self.tally.lost_hours) / paid if paid else 0.0

    @property
    def lost_share(self) -> float:
        """Of the hours at work, those that reclaims have cost."""
        return self.tally.lost_hours / self.tally.busy_hours if self.tally.busy_hours else 0.0

    def _hours(self, priority: Priority | None) -> list[float]:
        return sorted(one.hours for one in self.tally.processed if priority in {None, one.title.priority})


def simulate(farming: Farming) -> Result:
    """Return what became of what `farming` describes; the same seed gives the same."""
    tally = Farm(farming.fleet, titles_of(farming), seed=farming.seed).run()
    return Result(tally=tally, usd=_usd(tally, farming.encoding), sla_hours=farming.encoding.sla_hours)


def titles_of(farming: Farming) -> list[Title]:
    """Return the titles that come: a Poisson process, after those that wait already."""
    demand, draw = farming.demand, random.Random(f"{farming.seed} titles")  # noqa: S311 - a model
    kinds = [film.prediction(farming.encoding, degraded=farming.degraded) for _, film in demand.films()]
    arrivals = [0.0] * demand.backlog_titles
    at_s = 0.0
    while (
        demand.titles_a_day and (at_s := at_s + draw.expovariate(demand.titles_a_day / _DAY_S)) < demand.days * _DAY_S
    ):
        arrivals.append(at_s)
    return [
        Title(
            arrives_s=at_s,
            priority=Priority.ORIGINAL if draw.random() < demand.original_share else Priority.LICENSED,
            stages=_stages(
                kinds[draw.random() < demand.uhd_share],
                times=_factor(draw, demand.spread),
                piece_s=farming.piece_s,
            ),
        )
        for at_s in arrivals
    ]


def vcpus_needed(demand: Demand, encoding: EncodingSettings = PRODUCTION.encoding, *, degraded: bool = False) -> float:
    """Return how many vCPUs are at work on average if all that comes is encoded: Little's law."""
    hours = sum(
        share * film.prediction(encoding, degraded=degraded).vcpu_seconds / 3600 for share, film in demand.films()
    )
    return demand.titles_a_day * hours / 24


def spot_share_needed(*, saving: float, discount: float) -> float:
    """Return the share of the work that has to run on spot for its whole bill to fall by `saving`.

    Both are from 0 to 1. Infinite, if spot is no cheaper.
    """
    return saving / discount if discount else inf


def _factor(draw: random.Random, spread: float) -> float:
    """Draw how much more than predicted a title takes: log-normal, of mean 1."""
    if spread <= 1:
        return 1.0
    sigma = log(spread) / _TWO_SIGMA
    return draw.lognormvariate(-(sigma**2) / 2, sigma)


def _stages(prediction: Prediction, *, times: float, piece_s: float) -> tuple[Stage, ...]:
    """Return a title's large jobs, by the steps of the workflow; the small ones are the time that they take."""

    def jobs(*phases: Phase) -> Iterator[tuple[int, float]]:
        for line in prediction.lines:
            if line.stage in phases:
                yield line.jobs, line.vcpu_seconds / line.vcpus / line.jobs * times

    def longest(*phases: Phase) -> float:
        return max((seconds for _, seconds in jobs(*phases)), default=0.0)

    def pieces(*phases: Phase) -> list[tuple[int, float]]:
        return [
            (min(together, count - first), seconds)
            for count, seconds in jobs(*phases)
            for together in [max(1, int(piece_s / seconds))]
            for first in range(0, count, together)
        ]

    return (
        Stage(pieces=pieces(Phase.SEARCH)),
        Stage(pieces=pieces(Phase.ENCODE), then_s=longest(Phase.JOIN)),
        Stage(pieces=pieces(Phase.SCORE), then_s=longest(Phase.PACKAGE) + longest(Phase.VERIFY)),
    )


def host_usd_an_hour(encoding: EncodingSettings, *, spot: bool) -> float:
    """Return what a host of a large job costs, its disk included, by `lambdas/encoding/prices.json`."""
    prices, capacity = PriceList.load(), encoding.first_capacity
    worker = Worker(
        batch_job="model",
        batch_attempt=1,
        vcpus=encoding.job_vcpus,
        memory_mib=encoding.job_memory_mib,
        capacity=capacity if spot else prices.on_demand_of(capacity),
    )
    return prices.price(worker, 3600)


def _usd(tally: Tally, encoding: EncodingSettings) -> float:
    on_demand, spot = host_usd_an_hour(encoding, spot=False), host_usd_an_hour(encoding, spot=True)
    return tally.spot_hours * spot + tally.on_demand_hours * on_demand


def _percentile(rising: Sequence[float], share: float) -> float:
    """Return the smallest of `rising` that at least `share` of them do not exceed."""
    return rising[max(0, -int(-share * len(rising) // 1) - 1)] if rising else 0.0


_BACKLOG = Farming(demand=Demand(backlog_titles=500), piece_s=3600)
"""The source document's: 500 titles wait while others come as ever. Coarser, because there is more of it."""

PLANS: Mapping[str, Farming] = {
    "as it is": _BACKLOG,
    "degraded mode": replace(_BACKLOG, degraded=True),
    "three times the machines": replace(_BACKLOG, fleet=fleet_of(PRODUCTION.encoding, times=3)),
    "both": replace(_BACKLOG, degraded=True, fleet=fleet_of(PRODUCTION.encoding, times=3)),
}
"""What can be done about a backlog, by name. Originals go first in all of them."""


@cache
def plans() -> Mapping[str, Result]:
    """Return what became of the backlog under each plan."""
    return {name: simulate(farming) for name, farming in PLANS.items()}


@cache
def ordinary() -> Result:
    """Return what became of ordinary days."""
    return simulate(Farming())


def figures() -> dict[str, Figure]:
    """Return the farm's main figures, with the default inputs."""
    encoding, demand = PRODUCTION.encoding, Demand()
    found = ordinary()
    spot, on_demand = host_usd_an_hour(encoding, spot=True), host_usd_an_hour(encoding, spot=False)
    flood = replace(demand, titles_a_day=500)
    (hd_share, hd_film), (uhd_share, uhd_film) = demand.films()
    hd, uhd = hd_film.prediction(encoding), uhd_film.prediction(encoding)
    scores = [line.vcpu_seconds / line.vcpus / line.jobs for line in uhd.lines if line.stage is Phase.SCORE]
    results = {
        "titles_a_day": Figure(demand.titles_a_day, "titles a day", "that come beside the backlog"),
        "days": Figure(demand.days, "days", "for which they come"),
        "original_share": Figure(demand.original_share, "share", "of titles, originals: assumption"),
        "uhd_share": Figure(demand.uhd_share, "share", "of titles, those of 2160 lines: assumption"),
        "hosts_spot_count": Figure(fleet_of(encoding).spot_hosts, "hosts", "large jobs that may run on spot at once"),
        "hosts_on_demand_count": Figure(fleet_of(encoding).on_demand_hosts, "hosts", "the same, on demand"),
        "title_hd_vcpu_hours": Figure(hd.vcpu_seconds / 3600, "vCPU-hours", "two hours of 1080 lines, predicted"),
        "title_uhd_vcpu_hours": Figure(uhd.vcpu_seconds / 3600, "vCPU-hours", "two hours of 2160 lines, predicted"),
        "title_hd_degraded_vcpu_hours": Figure(
            hd_film.prediction(encoding, degraded=True).vcpu_seconds / 3600, "vCPU-hours", "1080 lines, degraded mode"
        ),
        "title_uhd_degraded_vcpu_hours": Figure(
            uhd_film.prediction(encoding, degraded=True).vcpu_seconds / 3600, "vCPU-hours", "2160 lines, degraded mode"
        ),
        "title_uhd_score_hours": Figure(max(scores) / 3600, "hours", "the longest score of 2160 lines, one job"),
        "job_memory_mib": Figure(encoding.job_memory_mib, "MiB", "that a large job asks for"),
        "vcpus_allowed": Figure(
            encoding.spot_max_vcpus + encoding.on_demand_max_vcpus,
            "vCPU",
            "that the settings allow, spot and on demand",
        ),
        "title_hd_usd": Figure(hd.usd_expected, "USD", "the same, of 1080 lines, on spot"),
        "title_uhd_usd": Figure(uhd.usd_expected, "USD", "the same, of 2160 lines, on spot"),
        "vcpus_of_1000_hours_a_day": Figure(
            vcpus_needed(flood), "vCPU", "at work on average if 1,000 hours (500 titles) come a day"
        ),
        "vcpus_of_1000_hours_a_day_degraded": Figure(
            vcpus_needed(flood, degraded=True), "vCPU", "the same, in degraded mode"
        ),
        "ordinary_p50_hours": Figure(found.percentile(0.5), "hours", "from delivery to the end, 100 titles a day"),
        "ordinary_p95_hours": Figure(found.percentile(0.95), "hours", "95 of 100 titles, 100 titles a day"),
        "ordinary_sla_share": Figure(found.sla_share, "share", "of titles, within 24 hours, 100 titles a day"),
        "ordinary_wait_p95_minutes": Figure(found.waited(0.95), "minutes", "that 95 of 100 pieces of work wait"),
        "ordinary_title_usd": Figure(found.usd_a_title, "USD", "a title, with starts, idling and reclaims"),
        "ordinary_overhead_share": Figure(
            found.usd_a_title / (hd_share * hd.usd_expected + uhd_share * uhd.usd_expected) - 1,
            "share",
            "that starts, idling and reclaims add to what the planner predicts",
        ),
        "ordinary_used_share": Figure(found.used_share, "share", "of the paid hours, with a result"),
        "ordinary_lost_share": Figure(found.lost_share, "share", "of the work, lost by reclaims"),
        "spot_discount_share": Figure(
            1 - spot / on_demand, "share", "by which a host is cheaper on spot, disk included"
        ),
        "spot_share_for_30_percent": Figure(
            spot_share_needed(saving=0.3, discount=1 - spot / on_demand),
            "share",
            "of the work on spot that saves 30 % of an on-demand bill",
        ),
        "spot_share_for_30_percent_at_70_percent_off": Figure(
            spot_share_needed(saving=0.3, discount=0.7), "share", "the same, if spot were 70 % cheaper"
        ),
    }
    for name, result in plans().items():
        key = name.replace(" ", "_")
        results |= {
            f"backlog_{key}_hours": Figure(result.cleared_hours, "hours", f"until 500 titles are done: {name}"),
            f"backlog_{key}_p50_hours": Figure(result.percentile(0.5), "hours", f"until half of all are done: {name}"),
            f"backlog_{key}_sla_share": Figure(result.sla_share, "share", f"of titles, within 24 hours: {name}"),
            f"backlog_{key}_originals_hours": Figure(
                result.percentile(1.0, priority=Priority.ORIGINAL), "hours", f"until every original is done: {name}"
            ),
            f"backlog_{key}_usd_a_title": Figure(result.usd_a_title, "USD", f"a title: {name}"),
        }
    return results
