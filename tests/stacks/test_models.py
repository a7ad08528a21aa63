"""What the models of cost and availability read in the templates."""

import io
from dataclasses import replace
from math import inf

import pytest

pytest.importorskip("simpy", reason="needs requirements-sandbox.txt: the simulation")

from models.availability import JOURNEYS, dependencies, offered, promised, recoveries
from models.cost import (
    WORKLOADS,
    Terms,
    acl_log_bytes_a_second,
    acl_logged_share,
    bill,
    budget,
    by_context,
    by_tag,
    calls_log_bytes_a_second,
    edge_requests_a_second,
    logged_a_call,
    remedies,
    total,
)
from models.farm import host_usd_an_hour, vcpus_needed
from models.idle_cost import idle_cost
from models.idle_cost import total as idle_total

NOTHING = replace(
    WORKLOADS["production"],
    subscribers=0,
    viewing_hours=0,
    raw_pb=0,
    media_pb=0,
    demand=replace(WORKLOADS["production"].demand, titles_a_day=0),
)
NAMED = {journey.name: journey for journey in JOURNEYS}


def usd_of(lines, price):
    return sum(line.usd for line in lines if line.use.price == price)


def test_without_use_the_bill_is_what_an_idle_platform_costs(declared):
    stacks = declared.synthesis.stacks.items()
    idle = idle_total(idle_cost((stack.context, declared.templates[name]) for name, stack in stacks))
    assert total(bill(declared, NOTHING)) == pytest.approx(float(idle))


def test_a_worked_example(production):
    # A thousand hours of viewing, five in a hundred of the bytes from CloudFront: 2.25 GB an hour, at 0.085 USD a GB.
    lines = bill(production, replace(NOTHING, viewing_hours=1000))
    assert usd_of(lines, "CloudFront") == pytest.approx(1000 * 2.25 * 0.05 * 0.085)
    # A heartbeat and a word of the progress every 30 s, and six calls more a session of an hour.
    assert usd_of(lines, "HTTP API request") == pytest.approx(1000 * (120 + 120 + 6) * 1e-6)
    assert usd_of(lines, "Lambda GB-second") == pytest.approx(1000 * 246 * 0.05 * 0.5 * 0.0000133334)


def quantity_of(lines, price):
    return {line.use.path: line.use.quantity for line in lines if line.use.price == price}


def test_what_viewers_ask_is_logged_by_the_gateway_the_web_acl_and_the_edge(production, sandbox):
    thousand = replace(NOTHING, viewing_hours=1000)
    lines = bill(production, thousand)
    calls, segments = 246_000, 1000 * 3600 / 4 * 2 * 0.05
    came = quantity_of(lines, "log GB")
    assert came["playback/Api"] == pytest.approx(calls * 250e-9)
    # Of 200 requests the web ACL logs one: 7.5 bytes a request, of which its price has 500 in it.
    assert "delivery/WebAcl/Logging" not in came
    # A licence an hour; a heartbeat leaves no line.
    assert came["playback/License"] == pytest.approx(1000 * 1000e-9)
    assert "playback/Heartbeat" not in came
    # Kept for 365 days, compressed.
    kept = quantity_of(lines, "log GB-month")
    assert kept["delivery/WebAcl/Logging"] == pytest.approx((calls + segments) * 0.005 * 1500e-9 * 0.15 * 365 / 30)
    # If a rule matched every request, all of them would be logged: 1,500 bytes each, 500 of them paid for.
    every = bill(production, replace(thousand, acl_matched_share=1))
    assert quantity_of(every, "log GB")["delivery/WebAcl/Logging"] == pytest.approx((calls + segments) * 1000e-9)
    # Expired after 90 days, and gone 30 later.
    assert quantity_of(lines, "S3 Standard") == {
        "delivery/Distribution": pytest.approx((calls + segments) * 100e-9 * 120 / 30)
    }
    # The sandbox has no web ACL, and keeps its logs for a week.
    there = quantity_of(bill(sandbox, thousand), "log GB-month")
    assert "delivery/WebAcl/Logging" not in there
    assert there["playback/Api"] == pytest.approx(calls * 250e-9 * 0.15 * 7 / 30)


def test_titles_cost_what_the_farm_takes_for_them(production):
    demand = WORKLOADS["production"].demand
    lines = bill(production, replace(NOTHING, demand=demand))
    encoding = production.settings.encoding
    vcpu_hours = vcpus_needed(demand, encoding) * 24 * 30
    spot_usd = host_usd_an_hour(encoding, spot=True) / 16
    assert usd_of(lines, "farm vCPU-hour, spot") == pytest.approx(vcpu_hours * spot_usd)
    assert usd_of(lines, "farm vCPU-hour, on demand") == 0
    half = bill(production, replace(NOTHING, demand=demand), Terms(spot_share=0.5))
    assert usd_of(half, "farm vCPU-hour, on demand") == pytest.approx(
        vcpu_hours / 2 * host_usd_an_hour(encoding, spot=False) / 16
    )


def test_every_byte_that_is_stored_is_billed_in_each_region(production):
    lines = bill(production, replace(NOTHING, raw_pb=10, media_pb=1), Terms(tiering=False))
    stored = sum(line.use.quantity for line in lines if line.use.price == "S3 Standard")
    # The primary region, and three replicas.
    assert stored == pytest.approx(4 * 11e6)


def test_each_remedy_does_what_it_says(production):
    workload = WORKLOADS["production"]
    spent = total(bill(production, workload))
    change = {
        name: total(bill(production, remedy.workload, remedy.terms)) - spent
        for name, remedy in remedies(workload).items()
    }
    worse = {name for name, usd in change.items() if usd > 0}
    assert worse == {"no spot", "committed", "no tiering", "no appliances"}
    assert change["committed"] < change["no spot"]
    assert set(change) - worse == {"savings plan", "appliances 98 %", "progress each minute"}


def test_a_chargeback_finds_an_owner_for_every_cent(declared):
    lines = bill(declared, WORKLOADS[declared.profile])
    for tag in ("project", "context", "environment", "cost-centre"):
        assert "(untagged)" not in by_tag(lines, tag)
    assert by_tag(lines, "context") == pytest.approx(by_context(lines))
    assert list(by_tag(lines, "environment")) == [declared.profile]


def test_the_sandbox_stays_in_its_budget_and_the_source_documents_load_does_not(sandbox, production):
    assert budget(sandbox, bill(sandbox, WORKLOADS["sandbox"])).verdict == "within"
    found = budget(production, bill(production, WORKLOADS["production"]))
    assert (found.verdict, found.limit_usd, found.warns_at) == ("exceeded", 16e6, 0.8)


@pytest.mark.parametrize(
    ("journey", "services"),
    [
        ("sign in", {"API Gateway", "CloudFront", "Cognito", "DynamoDB", "Lambda", "S3"}),
        ("play", {"API Gateway", "CloudFront", "DynamoDB", "KMS", "Lambda", "S3", "Secrets Manager"}),
        ("watch on", {"CloudFront", "S3"}),
        ("deliver", {"KMS", "S3", "Transfer Family"}),
        ("encode", {"Batch", "DynamoDB", "EventBridge", "KMS", "Lambda", "S3", "Step Functions"}),
    ],
)
def test_what_a_journey_needs_is_found_in_the_templates(complete, journey, services):
    found = dependencies(complete, NAMED[journey])
    assert {one.service for one in found} == services
    assert promised(complete, NAMED[journey]) < min(one.share for one in found)


def test_only_what_is_declared_is_offered(sandbox, opted_in, production):
    assert offered(production) == offered(opted_in) == JOURNEYS
    assert {journey.name for journey in JOURNEYS} - {journey.name for journey in offered(sandbox)} == {"deliver"}


def test_what_is_declared_decides_what_a_failure_costs(sandbox, production):
    there = {one.failure: one for one in recoveries(production)}
    here = {one.failure: one for one in recoveries(sandbox)}
    assert there["a table is damaged"].lost_minutes == 5
    films, deliveries = "the primary region, for films", "the primary region, for deliveries"
    # Three checks of 30 s, and a TTL of a minute; of replication, its time control.
    assert (there[deliveries].away_minutes, here[deliveries].away_minutes) == (2.5, inf)
    assert (there[films].lost_minutes, here[films].lost_minutes) == (15, inf)
    assert there["the primary region, for accounts, progress and content keys"].lost_minutes == inf


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("cost", ("by the tag cost-centre", "engineering-sandbox", "Budget 25 USD", "within")),
        ("availability", ("play", "API Gateway, CloudFront", "a table is damaged", "for good")),
    ],
)
def test_the_commands_print_what_was_found_and_draw_it(sandbox, model, says, monkeypatch, tmp_path):
    pytest.importorskip("typer", reason="needs requirements-sandbox.txt: the command")
    from rich.console import Console  # noqa: PLC0415

    from cli import operations  # noqa: PLC0415

    shown = io.StringIO()
    monkeypatch.setattr(operations, "console", Console(file=shown, width=200))
    monkeypatch.setattr(operations, "declared_of", lambda _: sandbox)
    target = tmp_path / "model.svg"
    commands = {"cost": operations.bill_of_materials, "availability": operations.availability_and_recovery}
    more = {"tag": "cost-centre"} if model == "cost" else {"years": 50}
    commands[model](profile="sandbox", picture=target, **more)
    assert [word for word in says if word not in shown.getvalue()] == []
    assert "sandbox" in target.read_text()


def test_a_web_acl_that_filters_logs_what_its_rules_match_alone(production, sandbox):
    [log] = production.of("AWS::WAFv2::LoggingConfiguration")
    workload = WORKLOADS["production"]
    assert acl_logged_share(log.properties, workload) == 0.005
    unfiltered = {name: said for name, said in log.properties.items() if name != "LoggingFilter"}
    assert acl_logged_share(unfiltered, workload) == 1
    # 246 calls an hour of viewing, and five in a hundred of two segments every four seconds.
    settings, requests = production.settings, 1e9 / 86_400 * (246 + 0.05 * 1800)
    assert edge_requests_a_second(workload, settings) == pytest.approx(requests)
    assert acl_log_bytes_a_second([log.properties], workload, settings) == pytest.approx(requests * 0.005 * 1500)
    assert acl_log_bytes_a_second([unfiltered], workload, settings) == pytest.approx(requests * 1500)
    assert not sandbox.of("AWS::WAFv2::LoggingConfiguration")


def test_what_players_call_all_the_time_leaves_no_line_of_its_function(production):
    workload = WORKLOADS["production"]
    functions = {one.path: one.properties for one in production.of("AWS::Lambda::Function")}
    assert logged_a_call(functions["playback/Heartbeat"], workload) == 0
    assert logged_a_call(functions["playback/Progress"], workload) == 0
    assert logged_a_call(functions["playback/License"], workload) == 1000
    # 246 calls an hour of viewing, and 240 of them heartbeats and words of progress.
    held = calls_log_bytes_a_second(functions, workload, production.settings)
    assert held == pytest.approx(1e9 / 86_400 * (246 * 250 + 6 * 1000))
    loud = {
        path: {name: said for name, said in one.items() if name != "LoggingConfig"} for path, one in functions.items()
    }
    assert calls_log_bytes_a_second(loud, workload, production.settings) == pytest.approx(1e9 / 86_400 * 246 * 1250)
