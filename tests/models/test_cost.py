import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("simpy", reason="needs requirements-sandbox.txt: the simulation")

from models import cost
from models.cost import Budget, Line, Use, Workload, by_context, by_price, by_service, by_tag, classes, total
from models.use_prices import USE_PRICES

ARCHIVED = [
    {"Prefix": "work/", "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 1}]},
    {
        "Transitions": [
            {"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 365},
            {"StorageClass": "GLACIER", "TransitionInDays": 90},
        ]
    },
]


def line(usd, *, context="storage", price="S3 Standard", tags=None):
    return Line(use=Use(context=context, path="x", price=price, quantity=1, tags=tags or {}), usd=usd)


def test_what_came_evenly_lies_in_each_class_for_its_days():
    # Of two years: 90 days in Standard, 275 in Glacier, 365 in Deep Archive.
    assert classes(ARCHIVED, years=2) == pytest.approx(
        {"S3 Standard": 90 / 730, "S3 Glacier Flexible": 275 / 730, "S3 Glacier Deep Archive": 365 / 730}
    )
    assert classes([], years=2) == {"S3 Standard": 1}


@given(years=st.floats(0.01, 50))
def test_shares_of_classes_sum_to_one_and_the_older_is_colder(years):
    shares = classes(ARCHIVED, years=years)
    assert sum(shares.values()) == pytest.approx(1)
    colder = classes(ARCHIVED, years=years * 2)
    assert colder["S3 Standard"] <= shares["S3 Standard"]


def test_a_bill_is_the_same_however_it_is_divided():
    lines = [
        line(5, tags={"context": "storage", "cost-centre": "a"}),
        line(3, price="Lambda request", context="playback", tags={"cost-centre": "b"}),
        line(1),
    ]
    assert by_context(lines) == {"storage": 6, "playback": 3}
    assert by_price(lines) == {"S3 Standard": 6, "Lambda request": 3}
    assert by_tag(lines, "cost-centre") == {"a": 5, "b": 3, "(untagged)": 1}
    assert total(lines) == 9


@pytest.mark.parametrize(("spent", "verdict"), [(80, "within"), (81, "warned"), (100, "warned"), (101, "exceeded")])
def test_a_budget_warns_before_it_is_exceeded(spent, verdict):
    assert Budget(limit_usd=100, spent_usd=spent, warns_at=0.8).verdict == verdict


def test_a_workload_by_hand():
    # A million hours at 5,000 kbit/s are 2.25 GB each.
    workload = Workload(viewing_hours=1e6, session_hours=2)
    assert workload.viewed_gb == pytest.approx(2.25e6)
    assert workload.sessions == 500_000


def test_every_price_says_where_it_stands():
    assert all(rate.source.startswith("aws.amazon.com/") and rate.list_usd > 0 for rate in USE_PRICES.values())


def test_every_price_is_one_services():
    names = [*cost.PRICES, *USE_PRICES, *(f"while idle: {name}" for name in cost.IDLE_PRICES)]
    names += ["farm vCPU-hour, spot", "farm vCPU-hour, on demand"]
    by_name = {name: list(by_service([line(1, price=name)])) for name in names}
    assert all(len(services) == 1 for services in by_name.values())
    assert by_name["CloudFront request"] == ["CloudFront"]
    assert by_name["while idle: web ACL"] == by_name["web ACL request"] == ["WAF"]


def test_a_service_sums_its_prices_the_dearest_first():
    lines = [line(2, price="S3 Standard"), line(1, price="transfer between regions"), line(7, price="trace")]
    assert list(by_service(lines).items()) == [("X-Ray", 7), ("S3", 3)]
