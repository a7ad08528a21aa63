import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from encoder import worker
from encoder.errors import MachineUnknownError
from encoder.worker import this_worker
from lambdas.common.errors import TransientError
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


@pytest.fixture
def metadata(monkeypatch):
    """Return a service that fails as often as it is told to before each of its answers."""
    monkeypatch.setattr(worker, "_FIRST_PAUSE_S", 0)
    for name, value in (WORKER | {"ENCODER_CAPACITY": "ec2", "ENCODER_SPOT_ENVIRONMENT": "spot"}).items():
        monkeypatch.setenv(name, value)

    class Service(BaseHTTPRequestHandler):
        failures, asked = 0, 0

        def do_GET(self):
            cls = type(self)
            cls.asked += 1
            fails = cls.asked % (cls.failures + 1) != 0
            self.send_response(503 if fails else 200)
            self.end_headers()
            if not fails:
                self.wfile.write(b"a-token" if self.command == "PUT" else b"c8g.4xlarge")

        do_PUT = do_GET  # noqa: N815 - as the library calls it

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(worker, "_METADATA", f"http://127.0.0.1:{server.server_port}")
        yield Service
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("failures", [0, 3])
def test_a_machine_is_asked_again_for_its_family(metadata, failures):
    metadata.failures = failures
    assert this_worker().capacity == "c8g-spot"


def test_a_machine_that_never_says_its_family_is_worth_another_try(metadata):
    metadata.failures = 1000
    with pytest.raises(MachineUnknownError, match="did not answer PUT api/token") as raised:
        this_worker()
    assert isinstance(raised.value, TransientError)
