"""What is said of starts, and which of them count."""

import pytest

pytest.importorskip("playwright", reason="needs requirements-sandbox.txt")

from bench.startup import FirstFrames, Network, _decrypted, compared
from sandbox.browser import UnexpectedError


def test_the_medians_of_a_network_stand_beside_each_other():
    seen = {
        Network(rtt_ms=0, mbps=None): FirstFrames(ours=(200.0, 900.0, 300.0), stock=(600.0, 500.0, 700.0)),
        Network(rtt_ms=50, mbps=20): FirstFrames(ours=(400.0,), stock=(500.0,)),
    }

    near, far = compared(seen)

    assert (near.what, near.peer) == (
        "first frame, 0 ms (200 to 900)",
        "the plain flow of stock shaka-player (500 to 700)",
    )
    assert (near.ours, near.peers, near.ratio) == (300, 600, 0.5)
    assert far.what.startswith("first frame, 50 ms, 20 Mbit/s")


def test_a_film_in_the_clear_does_not_count():
    with pytest.raises(UnexpectedError, match="not encrypted"):
        _decrypted({"first_frame_ms": 1.0, "key_system": ""})


def test_a_film_that_does_not_start_does_not_count():
    with pytest.raises(UnexpectedError, match="no place"):
        _decrypted({"fault": "there is no place"})
