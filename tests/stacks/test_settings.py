import ast
import inspect
import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from lambdas.common.ladder import Codec, DynamicRange
from lambdas.playback.pathways import Pathway
from models.idle_cost import idle_cost, total
from stacks import settings
from stacks.settings import OPT_INS, SettingsError, profile, with_ssh_keys

OPT_IN_FIELDS = {
    "sftp": ("IngestionSettings", "sftp", "ingestion"),
    "web_acl": ("DeliverySettings", "web_acl", "delivery"),
    "content_key": ("PlaybackSettings", "dedicated_content_key", "playback"),
    "rate_limits": ("RateLimitSettings", "valkey", "rate_limits"),
}
CONTEXTS = {"rate_limits": "playback"}
"""The context in which an opt-in bills, where its settings are not called so."""


def costs(declared):
    return idle_cost((stack.context, declared.templates[name]) for name, stack in declared.synthesis.stacks.items())


def stated_price(owner, name):
    """Return the USD a month that the docstring of a setting states."""
    body = ast.parse(inspect.getsource(getattr(settings, owner))).body[0].body
    [docstring] = [
        said.value.value
        for field, said in pairwise(body)
        if isinstance(field, ast.AnnAssign) and field.target.id == name and isinstance(said, ast.Expr)
    ]
    return Decimal(re.search(r"(\d+(?:\.\d+)?) USD a month", docstring)[1])


def test_an_idle_sandbox_costs_less_than_five_dollars(sandbox):
    assert total(costs(sandbox)) < 5


def test_opt_ins_cost_what_their_settings_say(sandbox, opted_in):
    assert set(OPT_IN_FIELDS) == set(OPT_INS)
    stated = Counter()
    for owner, name, group in OPT_IN_FIELDS.values():
        stated[CONTEXTS.get(group, group)] += stated_price(owner, name)
    for context, price in stated.items():
        without, with_it = (
            total(item for item in costs(declared) if item.context == context) for declared in (sandbox, opted_in)
        )
        assert round(with_it - without, 2) == price, context


def test_the_opt_ins_are_all_that_an_idle_sandbox_can_be_billed_for_more(sandbox, opted_in):
    stated = sum(stated_price(owner, name) for owner, name, _ in OPT_IN_FIELDS.values())
    assert round(total(costs(opted_in)) - total(costs(sandbox)), 2) == stated


def test_production_can_be_priced(production):
    assert total(costs(production)) > 0


def test_an_opt_in_switches_on_what_it_names():
    for opt_in, (_, name, context) in OPT_IN_FIELDS.items():
        assert getattr(getattr(profile("sandbox"), context), name) is False
        assert getattr(getattr(profile("sandbox", opt_ins=(opt_in,)), context), name) is True
        assert getattr(getattr(profile("production"), context), name) is True


def test_a_profile_that_does_not_exist_is_named():
    with pytest.raises(SettingsError, match=r"'staging'.*sandbox, production"):
        profile("staging")


def test_an_opt_in_that_does_not_exist_is_named():
    with pytest.raises(SettingsError, match="no such opt-in: nat; there are sftp, web_acl, content_key, rate_limits"):
        profile("sandbox", opt_ins=("nat",))


def test_a_key_is_given_to_its_studio_only():
    before = profile("production")
    after = with_ssh_keys(before, {"blender": "ssh-ed25519 AAAA"})
    keys = {studio.name: studio.ssh_public_keys for studio in after.ingestion.studios}
    assert keys == {"blender": ("ssh-ed25519 AAAA",), "northlight": (), "harbour-lane": ()}
    assert all(not studio.ssh_public_keys for studio in before.ingestion.studios)


def test_a_key_for_nobody_is_an_error():
    with pytest.raises(SettingsError, match="no such studio: unknown"):
        with_ssh_keys(profile("sandbox"), {"unknown": "ssh-ed25519 AAAA"})


@pytest.mark.parametrize("name", settings.PROFILES)
def test_ladders_descend_and_fit_their_players(name):
    ladder = profile(name).encoding.ladder
    codecs, ranges = list(Codec), list(DynamicRange)

    def place(rung):
        return (
            ranges.index(rung.dynamic_range),
            codecs.index(rung.codec),
            -rung.height,
            -rung.bitrate_kbps,
        )

    assert sorted(ladder, key=place) == list(ladder)
    for rung in ladder:
        assert rung.width % 2 == rung.height % 2 == 0
        assert abs(rung.width / rung.height - 16 / 9) < 0.01
        assert rung.bitrate_kbps < rung.maxrate_kbps <= 2 * rung.bitrate_kbps


def test_production_encodes_every_size_from_240_to_2160_lines_in_30_to_40_profiles_and_a_sandbox_few():
    ladder = profile("production").encoding.ladder
    assert 30 <= len(ladder) <= 40
    assert len(profile("sandbox").encoding.ladder) <= 8
    heights = {
        (codec, dynamic_range): {
            rung.height for rung in ladder if (rung.codec, rung.dynamic_range) == (codec, dynamic_range)
        }
        for codec in Codec
        for dynamic_range in DynamicRange
    }
    for codec in (Codec.H265, Codec.AV1):
        assert heights[codec, DynamicRange.SDR] == {2160, 1440, 1080, 720, 480, 360, 240}
        assert max(heights[codec, DynamicRange.HDR10]) == 2160
    assert heights[Codec.H264, DynamicRange.SDR] == {1080, 720, 480, 360, 240}
    assert {rung.profile for rung in ladder if rung.codec is Codec.H265} == {"main10"}


def test_a_ladder_whose_hdr10_has_no_rung_in_sdr_is_refused():
    encoding = profile("production").encoding
    without = tuple(rung for rung in encoding.ladder if rung.rung != "av1-1440p")
    with pytest.raises(SettingsError, match="av1-1440p-hdr10 in HDR10, and no SDR rung in av1 of 1440 lines"):
        replace(encoding, ladder=without)


def further(**change):
    return Pathway(**{"id": "isp-1", "base_url": "https://cache.isp.example/", "rank": -1} | change)


def test_pathways_beside_the_distribution_are_data_and_there_are_none_by_default():
    delivery = profile("sandbox").delivery
    assert [one.id for one in delivery.pathways.ranked] == ["cdn"]
    second = further(id="cdn.2_b", base_url="https://r1---2.cdn.example:8443/", rank=1)
    named = replace(delivery, further_pathways=(second, further()))
    assert [one.id for one in named.pathways.ranked] == ["isp-1", "cdn", "cdn.2_b"]


@pytest.mark.parametrize(
    ("pathways", "complaint"),
    [
        ((further(id=""),), "pathway '': an id is 1 to 64 letters"),
        ((further(id='a"b'),), "an id is 1 to 64 letters"),
        ((further(id="a,b"),), "an id is 1 to 64 letters"),
        (
            (further(base_url="http://cache.isp.example/"),),
            "'isp-1' has the base_url 'http://cache.isp.example/': give",
        ),
        ((further(base_url="https://cache.isp.example"),), "with a slash at its end"),
        ((further(base_url="https://cache.isp.example/below/"),), "give that of its host"),
        ((further(base_url="https://user@cache.isp.example/"),), "give that of its host"),
        ((further(base_url="https://*.isp.example/"),), "give that of its host"),
        ((further(base_url="https://a.example; script-src */"),), "give that of its host"),
        ((further(id="cdn"),), "two pathways have the id 'cdn': give each its own"),
        ((further(rank=0),), "two pathways have the rank 0: .* the distribution's id is 'cdn', and its rank 0"),
        ((further(base_url="https://cache.isp.example:65536/"),), "give that of its host"),
        ((further(), further(id="b", rank=1)), "two pathways have the host 'cache.isp.example'"),
        (
            (further(), further(id="b", rank=1, base_url="https://cache.isp.example:8443/")),
            "two pathways have the host 'cache.isp.example'",
        ),
        (tuple(further(id=f"p{n}") for n in range(9)), "9 further_pathways: name 8 at most"),
    ],
)
def test_a_pathway_that_cannot_be_named_is_refused_with_the_remedy(pathways, complaint):
    with pytest.raises(SettingsError, match=complaint):
        replace(profile("sandbox").delivery, further_pathways=pathways)
