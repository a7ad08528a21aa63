"""What the models of operations print. What they find in templates is held in `tests/stacks/test_models.py`."""

from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

SMALL = ("--titles-a-day", 8, "--days", 0.5, "--minutes", 5, "--spot-hosts", 20, "--on-demand-hosts", 0)


def test_the_farm_is_simulated_as_asked(marquee):
    result = marquee("model", "farm", *SMALL, "--backlog", 2)
    assert result.exit_code == 0, result.output
    assert "within 24 hours │ 100.0%" in result.output
    assert "hosts at most │ 20" in result.output


def test_degraded_mode_costs_less(marquee):
    def usd(*more):
        output = marquee("model", "farm", *SMALL, *more).output
        return float(output.partition("USD a title │ ")[2].split()[0])

    assert usd("--degraded") < usd() / 2


def test_the_plans_are_drawn(marquee, main, monkeypatch, tmp_path):
    from cli import operations  # noqa: PLC0415
    from models.farm import Demand, Farming, fleet_of, simulate  # noqa: PLC0415

    encoding = operations.PRODUCTION.encoding
    few = Farming(demand=Demand(backlog_titles=3, titles_a_day=0, minutes=5), fleet=fleet_of(encoding, times=0.05))
    monkeypatch.setattr(operations, "farm", SimpleNamespace(plans=lambda: {"as it is": simulate(few)}))
    target = tmp_path / "farm.svg"
    assert marquee("model", "farm", "--picture", target).exit_code == 0
    assert "as it is" in "".join(ET.parse(target).getroot().itertext())  # noqa: S314 - our own file


@pytest.mark.parametrize("model", ["cost", "availability"])
def test_a_profile_that_is_not_there_is_refused_with_those_that_are(marquee, model):
    result = marquee("model", model, "--profile", "nowhere")
    assert result.exit_code == 2
    assert "there is no profile 'nowhere': choose one of production, sandbox" in result.output
