from importlib import import_module
from pathlib import Path

import pytest

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
NAMES = ("av1-migration", "bandwidth", "country-launch", "mars", "startup", "storage")


@pytest.mark.parametrize("name", NAMES)
def test_a_model_prints_its_figures_and_draws_the_picture_of_the_documents(marquee, tmp_path, name):
    picture = tmp_path / "picture.svg"
    told = marquee("model", name, "--picture", picture)
    assert told.exit_code == 0
    known = import_module("models.registry").MODELS[name]()
    missing = [key for key in known if key not in told.output]
    assert not missing
    drawn = (IMAGES / f"model-{name}.svg").read_text(encoding="utf-8")
    again = f"`marquee model {name} --picture docs/images/model-{name}.svg` draws it again"
    assert picture.read_text(encoding="utf-8") == drawn, again


def test_inputs_reach_the_model(marquee):
    told = marquee("model", "bandwidth", "--viewing-hours-a-day", 2.4e6, "--mean-mbps", 10).output
    # 100,000 at once, 10 Mbit/s each: 1 Tbit/s, twice that at the peak.
    assert "mean_tbps │ 1 │ Tbit/s" in told
    assert "peak_tbps │ 2 │ Tbit/s" in told


def test_a_peak_that_no_day_has_is_told_in_a_line(marquee):
    told = marquee("model", "bandwidth", "--peak-over-mean", 9)
    assert told.exit_code == 1
    assert "UnreachablePeakError" in told.output
    assert "choose one from 1 up to" in told.output


@pytest.mark.parametrize("name", NAMES)
def test_help_says_every_input_with_its_default(marquee, name):
    told = marquee("model", name, "--help").output
    assert told.count("[default:") >= 7
