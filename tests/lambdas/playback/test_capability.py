import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.ladder import Codec
from lambdas.common.media import Tier
from lambdas.playback.capability import PICTURE_TIERS, allowed, opened_by
from lambdas.playback.models import Device, Hdcp, Robustness

ALL = (Tier.SD, Tier.HD, Tier.UHD)
BEST = Device(max_height=2160, robustness=Robustness.HARDWARE, hdcp=Hdcp.V2_2, codecs=(Codec.H265,), hdr=True)


def best_of(plan=Tier.UHD, titles=ALL, **change):
    return allowed(device=BEST.model_copy(update=change), plan_tier=plan, title_tiers=titles)


@pytest.mark.parametrize(
    ("change", "tier", "reasons"),
    [
        ({}, Tier.UHD, ()),
        ({"plan": Tier.HD}, Tier.HD, ("plan",)),
        ({"plan": Tier.SD}, Tier.SD, ("plan",)),
        ({"max_height": 1080}, Tier.HD, ("screen",)),
        ({"max_height": 576}, Tier.SD, ("screen",)),
        ({"max_height": 577}, Tier.HD, ("screen",)),
        ({"max_height": 1081}, Tier.UHD, ()),
        ({"robustness": Robustness.SOFTWARE}, Tier.HD, ("drm",)),
        ({"hdcp": Hdcp.V1}, Tier.HD, ("hdcp",)),
        ({"hdcp": None}, Tier.HD, ("hdcp",)),
        ({"hdcp": Hdcp.NONE}, Tier.SD, ("hdcp",)),
        ({"hdcp": Hdcp.NONE, "plan": Tier.HD}, Tier.SD, ("hdcp",)),
        ({"hdcp": Hdcp.V1, "robustness": Robustness.SOFTWARE}, Tier.HD, ("drm", "hdcp")),
        # What holds nothing back is no reason.
        ({"hdcp": Hdcp.V1, "titles": (Tier.SD, Tier.HD)}, Tier.HD, ()),
        ({"hdcp": Hdcp.NONE, "titles": (Tier.SD,)}, Tier.SD, ()),
        ({"titles": ()}, Tier.UHD, ()),
    ],
)
def test_the_tier_is_the_least_of_what_anything_allows_and_says_what(change, tier, reasons):
    assert best_of(**change) == (tier, reasons)


def test_a_device_that_says_nothing_gets_hd():
    assert allowed(device=Device(), plan_tier=Tier.UHD, title_tiers=ALL).tier is Tier.HD


@given(
    plan=st.sampled_from(PICTURE_TIERS),
    titles=st.sets(st.sampled_from(PICTURE_TIERS)),
    max_height=st.none() | st.integers(1, 10_000),
    robustness=st.sampled_from(Robustness),
    hdcp=st.none() | st.sampled_from(Hdcp),
)
def test_less_of_anything_never_allows_more(plan, titles, max_height, robustness, hdcp):
    found = best_of(plan, titles, max_height=max_height, robustness=robustness, hdcp=hdcp)

    assert opened_by(found.tier) <= opened_by(best_of(Tier.UHD, titles).tier)
    assert bool(found.reasons) == (found.tier is not best_of(Tier.UHD, titles).tier)
    assert Tier.AUDIO in opened_by(found.tier)
