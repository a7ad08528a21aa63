"""``marquee model``: what running the platform takes: the encoding farm, the bill, availability."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isinf
from typing import Annotated

import typer
from rich.table import Table

from cli.common import console
from cli.model import Picture, draw
from lambdas.common.media import Priority
from models import availability, farm
from models import picture as pictures
from models.cost import WORKLOADS, bill, budget, by_context, by_price, by_service, by_tag, declared_of, remedies, total
from models.farm import Demand, Farming, Result, fleet_of
from stacks.declared import Declared
from stacks.settings import PRODUCTION, PROFILES

_DEMAND, _FLEET = Demand(), fleet_of(PRODUCTION.encoding)
_MOST_ROWS = 12
_MILLION = 1e6
_SMALL_MINUTES = 300.0
app = typer.Typer()


@app.command("farm")
def encoding_farm(
    *,
    titles_a_day: Annotated[float, typer.Option(min=0, help="That studios deliver.")] = _DEMAND.titles_a_day,
    days: Annotated[float, typer.Option(min=0, help="For so long.")] = _DEMAND.days,
    minutes: Annotated[float, typer.Option(min=1, help="Of a title.")] = _DEMAND.minutes,
    uhd_share: Annotated[float, typer.Option(min=0, max=1, help="Of titles, those of 2160 lines.")] = _DEMAND.uhd_share,
    backlog: Annotated[int, typer.Option(min=0, help="Titles that wait when it begins.")] = 0,
    degraded: Annotated[bool, typer.Option("--degraded", help="The farm takes less trouble over a title.")] = False,
    spot_hosts: Annotated[int, typer.Option(min=0, help="Of 16 vCPU, on spot.")] = _FLEET.spot_hosts,
    on_demand_hosts: Annotated[int, typer.Option(min=0, help="Of 16 vCPU, on demand.")] = _FLEET.on_demand_hosts,
    reclaims: Annotated[float, typer.Option(min=0, help="Of a spot host in an hour.")] = _FLEET.reclaims_an_hour,
    scale_up_at: Annotated[int, typer.Option(min=1, help="Jobs that wait before hosts are started.")] = 1,
    seed: Annotated[int, typer.Option(help="What arrivals and reclaims are drawn from.")] = farm.SEED,
    plans: Annotated[
        bool, typer.Option("--plans", help="Compare what can be done about 500 titles that wait.")
    ] = False,
    picture: Picture = None,
) -> None:
    """Simulate production's encoding farm: how long titles wait, how many are in time, and what they cost."""
    if plans or picture:
        results: Mapping[str, Result] = farm.plans()
        draw(picture, lambda: _plans_picture(results))
    else:
        demand = Demand(
            titles_a_day=titles_a_day, days=days, minutes=minutes, uhd_share=uhd_share, backlog_titles=backlog
        )
        fleet = replace(
            _FLEET,
            spot_hosts=spot_hosts,
            on_demand_hosts=on_demand_hosts,
            reclaims_an_hour=reclaims,
            scale_up_at_jobs=scale_up_at,
        )
        results = {"as asked": farm.simulate(Farming(demand=demand, fleet=fleet, degraded=degraded, seed=seed))}
    table = Table("", *results, title="The encoding farm, simulated")
    rows: Mapping[str, Callable[[Result], str]] = {
        "titles": lambda found: f"{len(found.tally.processed):,}",
        "hours, half of them": lambda found: _hours(found.percentile(0.5)),
        "hours, 95 of 100": lambda found: _hours(found.percentile(0.95)),
        "hours, the last original": lambda found: _hours(found.percentile(1, priority=Priority.ORIGINAL)),
        "hours, the backlog": lambda found: _hours(found.cleared_hours),
        f"within {PRODUCTION.encoding.sla_hours} hours": lambda found: f"{found.sla_share:.1%}",
        "minutes that 95 of 100 pieces wait": lambda found: f"{found.waited(0.95):.1f}",
        "hosts at most": lambda found: f"{found.tally.most_hosts:,}",
        "reclaims": lambda found: f"{found.tally.reclaims:,}",
        "work lost by them": lambda found: f"{found.lost_share:.1%}",
        "paid hours with a result": lambda found: f"{found.used_share:.1%}",
        "USD a title": lambda found: f"{found.usd_a_title:.2f}",
    }
    for name, of in rows.items():
        table.add_row(name, *(of(found) for found in results.values()))
    console.print(table)


@app.command("cost")
def bill_of_materials(
    *,
    profile: Annotated[str, typer.Option(help=f"One of {', '.join(PROFILES)}.")] = "production",
    viewing_hours: Annotated[float | None, typer.Option(min=0, help="A month; the profile's own by default.")] = None,
    appliance_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of the bytes, from appliances; the profile's own by default.")
    ] = None,
    titles_a_day: Annotated[float | None, typer.Option(min=0, help="Encoded; the profile's own by default.")] = None,
    tag: Annotated[str, typer.Option(help="A chargeback by this tag.")] = "context",
    picture: Picture = None,
) -> None:
    """Say what a month costs, from the templates: by context, service, price and tag, what if, against the budget."""
    declared = _declared(profile)
    workload = WORKLOADS[profile]
    demand = replace(
        workload.demand, titles_a_day=workload.demand.titles_a_day if titles_a_day is None else titles_a_day
    )
    workload = replace(
        workload,
        viewing_hours=workload.viewing_hours if viewing_hours is None else viewing_hours,
        appliance_share=workload.appliance_share if appliance_share is None else appliance_share,
        demand=demand,
    )
    lines = bill(declared, workload)
    spent, held = total(lines), budget(declared, lines)
    for title, sums in (
        ("by context", by_context(lines)),
        ("by service", by_service(lines)),
        ("by price", by_price(lines)),
        (f"by the tag {tag}", by_tag(lines, tag)),
    ):
        table = Table(title, "USD a month", "share", title=f"{profile}: {spent:,.2f} USD a month")
        for name, usd in list(sums.items())[:_MOST_ROWS]:
            table.add_row(name, f"{usd:,.2f}", f"{usd / spent:.1%}" if spent else "")
        console.print(table)
    table = Table("if", "what", "USD a month more")
    for name, remedy in remedies(workload).items():
        table.add_row(name, remedy.what, f"{total(bill(declared, remedy.workload, remedy.terms)) - spent:,.2f}")
    console.print(table)
    console.print(f"Budget {held.limit_usd:,.0f} USD: {held.share:.1%} of it is spent, {held.verdict}.")
    draw(picture, lambda: _bill_picture(by_context(lines), title=f"{profile}: what a month costs"))


@app.command("availability")
def availability_and_recovery(
    *,
    profile: Annotated[str, typer.Option(help=f"One of {', '.join(PROFILES)}.")] = "production",
    years: Annotated[int, typer.Option(min=1, help="That are simulated.")] = 2000,
    seed: Annotated[int, typer.Option(help="What outages are drawn from.")] = availability.SEED,
    picture: Picture = None,
) -> None:
    """Say how available journeys are promised to be, by the templates, and what each kind of failure costs."""
    declared = _declared(profile)
    table = Table("journey", "needs", "promised", "minutes a year", "simulated, mean", "95 of 100 years", title=profile)
    columns: dict[str, dict[str, float]] = {}
    for journey in availability.offered(declared):
        found = availability.dependencies(declared, journey)
        share = availability.series(one.share for one in found)
        lived = availability.lived(availability.parts_of(found), years=years, seed=seed)
        table.add_row(
            journey.name,
            ", ".join(one.service for one in found),
            f"{share:.3%}",
            f"{availability.minutes_a_year(share):,.0f}",
            f"{lived.mean:,.0f}",
            f"{lived.percentile(0.95):,.0f}",
        )
        columns[journey.name] = {one.service: availability.minutes_a_year(one.share) for one in found}
    console.print(table)
    table = Table("failure", "data lost, minutes", "service lost, minutes", "why")
    for recovery in availability.recoveries(declared):
        table.add_row(recovery.failure, _minutes(recovery.lost_minutes), _minutes(recovery.away_minutes), recovery.why)
    console.print(table)
    draw(picture, lambda: _lost_picture(columns, title=f"{profile}: what each journey may lose"))


def _declared(profile: str) -> Declared:
    if profile not in WORKLOADS:
        raise typer.BadParameter(f"there is no profile {profile!r}: choose one of {', '.join(WORKLOADS)}")
    return declared_of(profile)


def _bill_picture(sums: Mapping[str, float], *, title: str) -> str:
    """Return the bill by context; what is a ten-thousandth of it and less is not seen."""
    spent = sum(sums.values())
    scale, unit = (_MILLION, "million USD a month") if spent > _MILLION else (1.0, "USD a month")
    columns = {name: {"list prices": usd / scale} for name, usd in sums.items() if usd > spent / 1e4}
    return pictures.bars(columns, title=title, y=pictures.Axis(label=unit))


def _lost_picture(columns: Mapping[str, Mapping[str, float]], *, title: str) -> str:
    largest = {name: dict(sorted(parts.items(), key=lambda pair: -pair[1])) for name, parts in columns.items()}
    return pictures.bars(_few(largest), title=title, y=pictures.Axis(label="minutes a year that agreements leave out"))


def _plans_picture(results: Mapping[str, Result]) -> str:
    every = [found.cleared_hours for found in results.values()]
    hours = [hour / 2 for hour in range(int(max(every) * 2) + 3)]
    done = {
        name: [
            (at, sum(1 for one in found.tally.processed if one.title.arrives_s == 0 and one.hours <= at))
            for at in hours
        ]
        for name, found in results.items()
    }
    return pictures.lines(
        {name: [(at, float(count)) for at, count in points] for name, points in done.items()},
        title="500 titles wait: how many of them are done",
        x=pictures.Axis(label="hours"),
        y=pictures.Axis(label="titles"),
    )


def _few(columns: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return columns of which the small parts are one."""
    return {
        name: {
            **{part: minutes for part, minutes in parts.items() if minutes > _SMALL_MINUTES},
            "others": sum(minutes for minutes in parts.values() if minutes <= _SMALL_MINUTES),
        }
        for name, parts in columns.items()
    }


def _hours(hours: float) -> str:
    return "never" if isinf(hours) else f"{hours:.1f}"


def _minutes(minutes: float) -> str:
    return "for good" if isinf(minutes) else f"{minutes:,.1f}"
