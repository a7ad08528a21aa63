import pytest

from encoder.worker import this_worker
from tests.encoder.conftest import WORKER

ARN = "arn:aws:batch:us-east-1:111122223333:compute-environment"


@pytest.fixture
def placed(monkeypatch):
    """Return the worker on a compute environment, where another is declared to be spot."""

    def placed(on, *, spot):
        for name, value in (WORKER | {"AWS_BATCH_CE_NAME": on, "ENCODER_SPOT_ENVIRONMENT": spot}).items():
            monkeypatch.setenv(name, value)
        return this_worker()

    return placed


@pytest.mark.parametrize("spot", ["Spot-1", f"{ARN}/Spot-1"])
@pytest.mark.parametrize("folder", ["", f"{ARN}/"])
def test_spot_is_known_by_name_and_by_arn(placed, folder, spot):
    assert placed(f"{folder}Spot-1", spot=spot).capacity == "fargate-arm-spot"
    assert placed(f"{folder}OnDemand-1", spot=spot).capacity == "fargate-arm"
