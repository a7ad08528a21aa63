import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers, sampled_from
from pydantic import ValidationError

from lambdas.common.errors import PermanentError
from lambdas.encoding.claims import Worker
from lambdas.encoding.prices import PRICES, PriceList, UnknownCapacityError
from stacks.settings import PROFILES

HOUR = 3600
LIST = PriceList.load()
ON_DEMAND = sorted(name for name in LIST.capacities if LIST.on_demand_of(name) == name)
capacities = sampled_from(sorted(LIST.capacities))
seconds = floats(0, 1_000_000)
vcpus = floats(0.25, 64)
memory = integers(512, 262_144)


def worker(capacity, *, vcpus=1.0, memory_mib=4096):
    return Worker(batch_job="a", batch_attempt=1, vcpus=vcpus, memory_mib=memory_mib, capacity=capacity)


def listed(**capacities):
    return {"as_of": "2026-11-22", "region": "us-east-1", "source": "a page", "capacities": capacities}


def capacities_of(encoding):
    """What a worker of a profile may run on: spot first, on demand after it."""
    classes = encoding.instance_families if encoding.launch == "ec2" else ("fargate-arm",)
    return {name + spot for name in classes for spot in ("", "-spot")}


def test_the_file_says_of_when_and_where_it_is_and_that_somebody_should_check_it():
    assert date(2026, 1, 1) < LIST.as_of
    assert all(page in LIST.source for page in ("aws.amazon.com/fargate/pricing", "aws.amazon.com/ec2/pricing"))
    assert "by hand" in LIST.source
    assert "move" in LIST.source


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_every_class_that_a_profile_can_run_on_has_a_price_where_it_runs(profile):
    assert capacities_of(profile.encoding) <= set(LIST.capacities)
    assert profile.primary_region == LIST.region


def test_a_job_on_fargate_pays_for_vcpus_memory_disk_and_address():
    assert LIST.price(worker("fargate-arm"), HOUR) == pytest.approx(0.03238 + 4 * 0.00356 + 80 * 0.000111 + 0.005)


@pytest.mark.parametrize(
    ("family", "usd_per_hour"), [("c7g", 0.58), ("m7g", 0.6528), ("c8g", 0.63808), ("m8g", 0.71808)]
)
def test_a_job_of_sixteen_vcpus_pays_for_a_4xlarge_and_its_disk(family, usd_per_hour):
    disk = 500 * 0.08 / 730
    for memory_mib in (1024, 28_000):
        found = LIST.price(worker(family, vcpus=16, memory_mib=memory_mib), HOUR)
        assert found == pytest.approx(usd_per_hour + disk, abs=1e-4)


def test_fargate_bills_a_minute_at_least_and_ec2_the_second():
    fargate, ec2 = worker("fargate-arm"), worker("c7g")
    assert LIST.price(fargate, 1) == LIST.price(fargate, 60) < LIST.price(fargate, 61)
    assert LIST.price(ec2, 1) == pytest.approx(LIST.price(ec2, 60) / 60)
    assert LIST.price(ec2, 0) == 0


def test_spot_is_a_share_of_the_machine_and_not_of_what_it_needs_besides():
    both = [LIST.price(worker(capacity), HOUR) for capacity in ("fargate-arm", "fargate-arm-spot")]
    besides = 80 * 0.000111 + 0.005
    assert both[1] - besides == pytest.approx(0.3 * (both[0] - besides))


def test_the_same_work_on_demand_is_priced_by_the_class_that_spot_is_a_share_of():
    assert LIST.on_demand_of("c8g-spot") == LIST.on_demand_of("c8g") == "c8g"
    assert LIST.price_on_demand(worker("c8g-spot"), HOUR) == LIST.price(worker("c8g"), HOUR)


@pytest.mark.parametrize("ask", [LIST.price, LIST.price_on_demand])
def test_a_class_without_a_price_is_an_error_that_names_the_file_and_the_remedy(ask):
    with pytest.raises(UnknownCapacityError, match=r"prices\.json has no price of 'x9g-spot', .*: add it") as error:
        ask(worker("x9g-spot"), HOUR)
    assert isinstance(error.value, PermanentError)
    with pytest.raises(UnknownCapacityError):
        LIST.on_demand_of("")


@pytest.mark.parametrize(
    "capacities",
    [
        {"a-spot": {"on_demand": "a", "share": 0.5}},
        {"a": {"on_demand": "a", "share": 0.5}},
        {"a": {"usd_per_vcpu_hour": 1}, "b": {"on_demand": "a", "share": 0.5}, "c": {"on_demand": "b", "share": 0.5}},
        {"a": {"usd_per_vcpu_hour": 1}, "a-spot": {"on_demand": "a", "share": 1.5}},
        {"a": {"usd_per_vcpu_hour": 1}, "a-spot": {"on_demand": "a", "share": 0}},
        {"a": {"usd_per_vcpu_hour": -1}},
        {"a": {"usd_per_vcpu_hour": "NaN"}},
        {"a": {"usd_per_gib_hour": 1}},
        {"a": {"usd_per_vcpu_hour": 1, "usd_per_vcpu_minute": 1}},
    ],
    ids=["share of nothing", "of itself", "of spot", "dearer", "for nothing", "negative", "nan", "no vcpu", "unknown"],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path, capacities):
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(listed(**capacities)))
    with pytest.raises(ValidationError):
        PriceList.load(path)


def test_another_file_may_be_loaded(tmp_path):
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(listed(a={"usd_per_vcpu_hour": 2})))
    assert PriceList.load(path).price(worker("a", vcpus=3), HOUR) == 6


def test_the_file_lies_beside_the_code_that_reads_it_so_that_it_is_deployed_with_it():
    assert PRICES.parent.name == "encoding"
    assert PriceList.model_validate_json(PRICES.read_text(encoding="utf-8")) == LIST


@given(capacities, seconds, vcpus, memory)
def test_spot_is_never_dearer_than_on_demand(capacity, seconds, vcpus, memory_mib):
    billed = worker(capacity, vcpus=vcpus, memory_mib=memory_mib)
    assert 0 <= LIST.price(billed, seconds) <= LIST.price_on_demand(billed, seconds)


@given(capacities, seconds, seconds, vcpus, memory)
def test_who_works_longer_never_pays_less(capacity, one, other, vcpus, memory_mib):
    billed = worker(capacity, vcpus=vcpus, memory_mib=memory_mib)
    shorter, longer = sorted((one, other))
    assert LIST.price(billed, shorter) <= LIST.price(billed, longer)


@given(sampled_from(ON_DEMAND), floats(60, 1_000_000), memory)
def test_twice_the_vcpus_never_cost_more_than_twice_as_much(capacity, seconds, memory_mib):
    one, two = (worker(capacity, vcpus=vcpus, memory_mib=memory_mib) for vcpus in (8, 16))
    assert LIST.price(one, seconds) < LIST.price(two, seconds) <= 2 * LIST.price(one, seconds)
