"""``marquee model bandwidth`` and others: what a platform of this size sends, keeps and waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Table

from cli.common import console, fail
from cli.model import Picture, draw
from models import av1_migration, bandwidth, country_launch, mars, startup, storage
from models.av1_migration import Migration
from models.bandwidth import Audience, Site, Tiers, UnreachablePeakError
from models.country_launch import Launch
from models.figures import Figure
from models.mars import Mission
from models.startup import Population, Spread, Viewers
from models.storage import ArchiveRisk, Catalog

app = typer.Typer()
_AUDIENCE, _SITE, _TIERS, _CATALOG, _RISK = Audience(), Site(), Tiers(), Catalog(), ArchiveRisk()
_MIGRATION, _LAUNCH, _MISSION, _PEOPLE = Migration(), Launch(), Mission(), Population()
_POSITIVE = 1e-9


def _amount(what: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=what, min=_POSITIVE)
    return option


def _share(what: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=what, min=0.0, max=1.0)
    return option


@app.command("bandwidth")
def bandwidth_command(
    *,
    viewing_hours_a_day: Annotated[float, _amount("By all viewers.")] = _AUDIENCE.viewing_hours_a_day,
    mean_mbps: Annotated[float, _amount("Megabits a second and stream, on average.")] = _AUDIENCE.mean_mbps,
    peak_over_mean: Annotated[
        float, typer.Option(help="A region's busiest hour over its mean.", min=1.0)
    ] = _AUDIENCE.peak_over_mean,
    subscribers: Annotated[float, _amount("In all.")] = _AUDIENCE.subscribers,
    appliance_share: Annotated[float, _share("Of bytes; of the rest, a fifth is the origin's.")] = _TIERS.appliances,
    site_subscribers: Annotated[float, _amount("Of one provider's site.")] = _SITE.subscribers,
    site_peak_share: Annotated[float, _share("Of a site's subscribers, who watch at the peak.")] = _SITE.peak_share,
    appliance_gbps: Annotated[float, _amount("What one appliance sends.")] = _SITE.appliance_gbps,
    spare: Annotated[int, typer.Option(help="Appliances of a site that may be away.", min=0)] = _SITE.spare,
    picture: Picture = None,
) -> None:
    """Say what is sent on average and at the peak, and how many appliances send it."""
    rest = 1 - appliance_share
    inputs = bandwidth.Inputs(
        audience=Audience(
            viewing_hours_a_day=viewing_hours_a_day,
            mean_mbps=mean_mbps,
            peak_over_mean=peak_over_mean,
            subscribers=subscribers,
        ),
        tiers=Tiers(appliances=appliance_share, cloudfront=rest * 0.8, origin=rest * 0.2),
        site=Site(
            subscribers=site_subscribers,
            peak_share=site_peak_share,
            mean_mbps=mean_mbps,
            appliance_gbps=appliance_gbps,
            spare=spare,
        ),
    )
    try:
        _tell("bandwidth", bandwidth.figures(inputs))
        swings = Table("input, 20 % less and more", "peak, Tbit/s", "appliances", title="What moves it")
        for swing in bandwidth.sensitivity(inputs.audience, inputs.site):
            peaks, counts = swing.peak_tbps, swing.appliances
            swings.add_row(swing.name, f"{peaks[0]:,.0f} to {peaks[1]:,.0f}", f"{counts[0]:,} to {counts[1]:,}")
        console.print(swings)
        draw(picture, lambda: bandwidth.picture(inputs))
    except UnreachablePeakError as error:
        fail(error)


@app.command("storage")
def storage_command(
    *,
    total_pb: Annotated[float, _amount("One copy of everything.")] = _CATALOG.total_pb,
    titles: Annotated[int, typer.Option(help="In the catalog.", min=1)] = _CATALOG.titles,
    raw_tb_a_film: Annotated[float, _amount("The source of a film of two hours.")] = _CATALOG.raw_tb_a_film,
    mezzanine_tb_a_film: Annotated[float, _amount("Its mezzanine.")] = _CATALOG.mezzanine_tb_a_film,
    encoded_tb_a_film: Annotated[float, _amount("Its encodes.")] = _CATALOG.encoded_tb_a_film,
    removed_share: Annotated[float, _share("Of the encodes, of titles not offered now.")] = _CATALOG.removed_share,
    growth_a_year: Annotated[float, _share("Of what there is.")] = _CATALOG.growth_a_year,
    origin_pb_a_month: Annotated[float, _amount("What viewers take from the origin.")] = _CATALOG.origin_pb_a_month,
    source_wait_h: Annotated[
        float, typer.Option(help="How long an old source may take; production's lifecycle takes 12 hours.", min=12.0)
    ] = _CATALOG.source_wait_h,
    region_loss: Annotated[float, _share("A year: a region's data gone for good.")] = _RISK.region_loss,
    mistake: Annotated[float, _share("A year: all deleted that one can reach.")] = _RISK.mistake,
    picture: Picture = None,
) -> None:
    """Say what the catalog costs by storage class, and which lifecycle is the cheapest that is fast enough."""
    catalog = Catalog(
        total_pb=total_pb,
        titles=titles,
        raw_tb_a_film=raw_tb_a_film,
        mezzanine_tb_a_film=mezzanine_tb_a_film,
        encoded_tb_a_film=encoded_tb_a_film,
        removed_share=removed_share,
        growth_a_year=growth_a_year,
        origin_pb_a_month=origin_pb_a_month,
        source_wait_h=source_wait_h,
    )
    inputs = storage.Inputs(catalog=catalog, risk=ArchiveRisk(region_loss=region_loss, mistake=mistake))
    _tell("storage", storage.figures(inputs))
    ours, best = storage.deployed(catalog), storage.optimised(catalog)
    bills = Table("class", "PB", "kept", "read", "PB, cheapest", "kept", "read", title="USD a month, one region")
    cheapest = storage.bill(catalog, best, replicas=False)
    for name, line in storage.bill(catalog, ours, replicas=False).items():
        lines = (line, cheapest[name])
        bills.add_row(
            name,
            *(cell for one in lines for cell in (f"{one.pb:,.1f}", f"{one.kept_usd:,.0f}", f"{one.read_usd:,.0f}")),
        )
    console.print(bills)
    policies = Table("kind", "PB", "as deployed", "cheapest that is fast enough", title="Lifecycles")
    for kind in catalog.kinds:
        policies.add_row(kind.name, f"{kind.pb:,.1f}", storage.rules(ours[kind.name]), storage.rules(best[kind.name]))
    console.print(policies)
    draw(picture, lambda: storage.picture(inputs))


@app.command("startup")
def startup_command(
    *,
    viewers: Annotated[int, typer.Option(help="How many are drawn.", min=100)] = startup.VIEWERS,
    seed: Annotated[int, typer.Option(help="What they are drawn from.", min=0)] = startup.SEED,
    bandwidth_mbps: Annotated[float, _amount("The median viewer's.")] = _PEOPLE.bandwidth_mbps.median,
    bandwidth_sigma: Annotated[float, _amount("The spread of its logarithm.")] = _PEOPLE.bandwidth_mbps.sigma,
    api_rtt_ms: Annotated[float, _amount("There and back to the API, the median.")] = _PEOPLE.api_rtt_ms.median,
    edge_rtt_ms: Annotated[float, _amount("To CloudFront.")] = _PEOPLE.edge_rtt_ms.median,
    appliance_rtt_ms: Annotated[float, _amount("To an appliance that is near.")] = _PEOPLE.appliance_rtt_ms.median,
    api_ms: Annotated[float, _amount("What the API takes.")] = _PEOPLE.api_ms.median,
    licence_ms: Annotated[float, _amount("What the licence service takes.")] = _PEOPLE.licence_ms.median,
    edge_ms: Annotated[float, _amount("What the edge takes.")] = _PEOPLE.edge_ms.median,
    device_ms: Annotated[float, _amount("What the device takes.")] = _PEOPLE.device_ms.median,
    resolver_ms: Annotated[float, _amount("A name that is in no cache.")] = _PEOPLE.resolver_ms.median,
    picture: Picture = None,
) -> None:
    """Say how long viewers wait for the first picture, what for, and what each remedy saves."""

    def spread(default: Spread, median: float) -> Spread:
        return replace(default, median=median)

    population = Population(
        bandwidth_mbps=Spread(median=bandwidth_mbps, sigma=bandwidth_sigma),
        api_rtt_ms=spread(_PEOPLE.api_rtt_ms, api_rtt_ms),
        edge_rtt_ms=spread(_PEOPLE.edge_rtt_ms, edge_rtt_ms),
        appliance_rtt_ms=spread(_PEOPLE.appliance_rtt_ms, appliance_rtt_ms),
        api_ms=spread(_PEOPLE.api_ms, api_ms),
        licence_ms=spread(_PEOPLE.licence_ms, licence_ms),
        edge_ms=spread(_PEOPLE.edge_ms, edge_ms),
        device_ms=spread(_PEOPLE.device_ms, device_ms),
        resolver_ms=spread(_PEOPLE.resolver_ms, resolver_ms),
    )
    drawn = Viewers.draw(population, count=viewers, seed=seed)
    _tell("startup", startup.figures(drawn))
    after = Table(
        "remedies, one after another", "p50", "p95", "p99", "> 10 s", title="Milliseconds to the first picture"
    )
    for name, start in startup.steps().items():
        times = startup.first_picture_ms(start, drawn)
        cells = (f"{startup.percentile_ms(times, share):,.0f}" for share in (0.5, 0.95, 0.99))
        after.add_row(name, *cells, f"{(times > startup.SLOW_MS).mean():.1%}")
    console.print(after)
    draw(picture, lambda: startup.picture(drawn))


@app.command("av1-migration")
def av1_migration_command(
    *,
    titles: Annotated[int, typer.Option(help="To be encoded.", min=1)] = _MIGRATION.titles,
    titles_a_day: Annotated[float, _amount("How many.")] = _MIGRATION.titles_a_day,
    films_a_title: Annotated[float, _amount("Of two hours each.")] = _MIGRATION.films_a_title,
    source_lines: Annotated[int, typer.Option(help="Of the sources.", min=240)] = _MIGRATION.source_lines,
    stated_usd: Annotated[float, _amount("What it is said to cost.")] = _MIGRATION.stated_usd,
    capable_share: Annotated[float, _share("Of hours, on devices that decode AV1.")] = _MIGRATION.capable_share,
    saved_share: Annotated[float, _share("Of bits.")] = _MIGRATION.saved_share,
    picture: Picture = None,
) -> None:
    """Say what it takes to encode the catalog in AV1 as well, and what it saves."""
    migration = Migration(
        titles=titles,
        titles_a_day=titles_a_day,
        films_a_title=films_a_title,
        source_lines=source_lines,
        stated_usd=stated_usd,
        capable_share=capable_share,
        saved_share=saved_share,
    )
    _tell("av1-migration", av1_migration.figures(migration))
    draw(picture, lambda: av1_migration.picture(migration))


@app.command("country-launch")
def country_launch_command(
    *,
    final_subscribers: Annotated[float, _amount("In the end.")] = _LAUNCH.final_subscribers,
    half_month: Annotated[float, _amount("When half of them are there.")] = _LAUNCH.half_month,
    steepness: Annotated[float, _amount("Of the growth, a month.")] = _LAUNCH.steepness,
    hours_a_day: Annotated[float, _amount("That a subscriber watches.")] = _LAUNCH.hours_a_day,
    mean_mbps: Annotated[float, _amount("Megabits a second and stream.")] = _LAUNCH.mean_mbps,
    peak_over_mean: Annotated[float, typer.Option(help="Of the traffic.", min=1.0)] = _LAUNCH.peak_over_mean,
    price_factor: Annotated[float, _amount("On CloudFront's prices of the US.")] = _LAUNCH.price_factor,
    appliance_usd_a_year: Annotated[float, _amount("Hardware and support.")] = _LAUNCH.appliance_usd_a_year,
    appliance_gbps: Annotated[float, _amount("What one sends.")] = _LAUNCH.appliance_gbps,
    least_sites: Annotated[int, typer.Option(help="Sites, once there are any.", min=1)] = _LAUNCH.least_sites,
    picture: Picture = None,
) -> None:
    """Say what delivery costs in the first eighteen months of a country, by the phases of its appliances."""
    launch = Launch(
        final_subscribers=final_subscribers,
        half_month=half_month,
        steepness=steepness,
        hours_a_day=hours_a_day,
        mean_mbps=mean_mbps,
        peak_over_mean=peak_over_mean,
        price_factor=price_factor,
        appliance_usd_a_year=appliance_usd_a_year,
        appliance_gbps=appliance_gbps,
        least_sites=least_sites,
    )
    _tell("country-launch", country_launch.figures(launch))
    rows = Table("month", "subscribers", "peak, Gbit/s", "appliances", "CloudFront, TB", "USD", "phase")
    for month in country_launch.months(launch):
        rows.add_row(
            str(month.month),
            f"{month.subscribers:,.0f}",
            f"{month.peak_gbps:,.0f}",
            str(month.appliances),
            f"{month.cloudfront_tb:,.0f}",
            f"{month.usd:,.0f}",
            launch.phase(month.month).what,
        )
    console.print(rows)
    draw(picture, lambda: country_launch.picture(launch))


@app.command("mars")
def mars_command(
    *,
    far_km: Annotated[float, _amount("The distance at the farthest.")] = _MISSION.far_km,
    near_km: Annotated[float, _amount("At the nearest.")] = _MISSION.near_km,
    link_mbps: Annotated[float, _amount("What the link carries at the farthest.")] = _MISSION.link_mbps,
    titles: Annotated[int, typer.Option(help="In the catalog.", min=1)] = _MISSION.titles,
    films_a_title: Annotated[float, _amount("Of two hours each.")] = _MISSION.films_a_title,
    store_pb: Annotated[float, _amount("What the store there holds.")] = _MISSION.store_pb,
    window_months: Annotated[float, _amount("Between two ships.")] = _MISSION.window_months,
    picture: Picture = None,
) -> None:
    """Say what a link to Mars carries, and what has to come by ship."""
    mission = Mission(
        far_km=far_km,
        near_km=near_km,
        link_mbps=link_mbps,
        titles=titles,
        films_a_title=films_a_title,
        store_pb=store_pb,
        window_months=window_months,
    )
    _tell("mars", mars.figures(mission))
    draw(picture, lambda: mars.picture(mission))


def _tell(name: str, figures: Mapping[str, Figure]) -> None:
    table = Table("figure", "value", "unit", "what", title=name)
    table.columns[0].no_wrap = True
    table.columns[1].justify = "right"
    for key, figure in figures.items():
        table.add_row(key, _written(figure.value), figure.unit, figure.what)
    console.print(table)


def _written(value: float) -> str:
    whole = abs(value) >= 1000 or value == round(value)  # noqa: PLR2004 - thousands need no decimals
    return f"{value:,.0f}" if whole else f"{value:.4g}"
