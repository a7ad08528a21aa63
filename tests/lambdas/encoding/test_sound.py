"""Which tracks are made of the sound that a source brings."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lambdas.common.media import AudioFacts, AudioRole, Eac3Facts
from lambdas.encoding.models import LoudnessTarget, SoundCodec, SoundRecipe, SoundRules
from lambdas.encoding.sound import tracks_of
from stacks.sound import PRODUCTION_SOUND, SANDBOX_SOUND

AAC = SoundRecipe(name="aac-128", codec=SoundCodec.AAC, kbps={1: 64, 2: 128})
SURROUND = SoundRecipe(name="ac3-448", codec=SoundCodec.AC3, kbps={1: 96, 2: 192, 6: 448})
TARGET = LoudnessTarget(integrated_lkfs=-27, true_peak_dbtp=-1)
STEREO = SoundRules(recipes=(AAC,), loudness=TARGET)
BOTH = SoundRules(recipes=(AAC, SURROUND), loudness=TARGET)


def sound(channels=2, language="en", **facts):
    return AudioFacts(codec="pcm_s24le", channels=channels, sample_rate_hz=48_000, language=language, **facts)


def names(*found, rules=STEREO):
    return [track.name for track in tracks_of(found, rules)]


def test_no_sound_makes_no_track():
    assert tracks_of((), BOTH) == ()


def test_every_language_gets_a_track_by_every_recipe():
    assert names(sound(6), sound(6, "de"), rules=BOTH) == [
        "en_stereo_128k",
        "en_ac3_51_448k",
        "de_stereo_128k",
        "de_ac3_51_448k",
    ]


def test_without_surround_in_the_source_there_is_none():
    assert names(sound(), sound(1, "de"), rules=BOTH) == ["en_stereo_128k", "de_mono_64k"]


def test_a_group_has_every_language_those_in_stereo_too():
    tracks = tracks_of((sound(6), sound(2, "de"), sound(1, "fr")), BOTH)
    members = {recipe: [track.label for track in tracks if track.recipe == recipe] for recipe in ("aac-128", "ac3-448")}
    assert members["aac-128"] == members["ac3-448"] == ["en", "de", "fr"]
    assert [track.channels for track in tracks if track.recipe == "ac3-448"] == [6, 2, 1]


@pytest.mark.parametrize("layout", [None, "5.1", "5.1(side)"])
def test_six_channels_are_surround_whatever_their_layout_is_called(layout):
    assert "en_ac3_51_448k" in names(sound(6, channel_layout=layout), rules=BOTH)


def test_eight_channels_are_mixed_down_to_six():
    assert [track.channels for track in tracks_of((sound(8),), BOTH)] == [2, 6]


class TestPairs:
    def test_two_mono_streams_of_a_language_are_the_sides_of_one_track(self):
        tracks = tracks_of((sound(1), sound(1), sound(2, "de")), STEREO)
        assert [(track.name, track.streams) for track in tracks] == [
            ("en_stereo_128k", (0, 1)),
            ("de_stereo_128k", (2,)),
        ]

    @pytest.mark.parametrize(
        "found",
        [
            (sound(1), sound(1, "de")),
            (sound(1), sound(2, "de"), sound(1)),
            (sound(1), sound(1), sound(1)),
            (sound(1), sound(1, role=AudioRole.COMMENTARY)),
        ],
        ids=["two languages", "apart", "three", "two roles"],
    )
    def test_others_are_no_pair(self, found):
        assert all(len(track.streams) == 1 for track in tracks_of(found, STEREO))


class TestRoles:
    @pytest.mark.parametrize(
        ("facts", "role"),
        [
            ({}, AudioRole.MAIN),
            ({"title": "Stereo"}, AudioRole.MAIN),
            ({"title": "Director's Commentary"}, AudioRole.COMMENTARY),
            ({"title": "English (Described Video)"}, AudioRole.DESCRIPTION),
            ({"title": "Audio description"}, AudioRole.DESCRIPTION),
            ({"title": "Commentary", "role": AudioRole.DESCRIPTION}, AudioRole.DESCRIPTION),
            ({"role": AudioRole.COMMENTARY}, AudioRole.COMMENTARY),
        ],
    )
    def test_the_container_says_it_or_the_title_does(self, facts, role):
        assert tracks_of((sound(**facts),), STEREO)[0].role is role

    def test_what_is_heard_first_is_no_commentary(self):
        assert names(sound(role=AudioRole.COMMENTARY), sound(language="de"), sound()) == [
            "de_stereo_128k",
            "en_stereo_128k",
            "en_commentary_stereo_128k",
        ]

    def test_a_second_track_of_a_language_and_role_has_a_name_of_its_own(self):
        tracks = tracks_of((sound(), sound(), sound(role=AudioRole.COMMENTARY)), STEREO)
        assert [(track.name, track.label) for track in tracks] == [
            ("en_stereo_128k", "en"),
            ("en_2_stereo_128k", "en 2"),
            ("en_commentary_stereo_128k", "en commentary"),
        ]


def atmos(language="en", **facts):
    said = {"atmos_frames": 9, "complexity": 16, "whole_frames": True, "substreams": 1, "bitrate_kbps": 768}
    eac3 = Eac3Facts(frames=9, **said)
    return AudioFacts(codec="eac3", channels=6, sample_rate_hz=48_000, language=language, eac3=eac3, **facts)


class TestAtmos:
    def test_a_stream_of_it_is_one_track_behind_the_others_and_stays_as_it_is(self):
        tracks = tracks_of((atmos(), sound(6), sound(2, "de")), BOTH)
        assert [(track.name, track.streams) for track in tracks] == [
            ("en_stereo_128k", (1,)),
            ("en_ac3_51_448k", (1,)),
            ("de_stereo_128k", (2,)),
            ("de_ac3_stereo_192k", (2,)),
            ("en_atmos_768k", (0,)),
        ]
        assert [track.atmos for track in tracks] == [None] * 4 + [16]
        # Its members are called as those of the other groups are.
        assert (tracks[-1].label, tracks[-1].recipe, tracks[-1].codec) == ("en", "atmos", SoundCodec.EAC3)

    def test_beside_it_recipes_of_surround_are_used_for_sound_in_stereo(self):
        assert names(sound(), atmos(), rules=BOTH) == ["en_stereo_128k", "en_ac3_stereo_192k", "en_atmos_768k"]

    def test_that_of_a_commentary_is_called_so(self):
        assert names(sound(), sound(title="Commentary"), atmos(title="Commentary"))[-1] == "en_commentary_atmos_768k"

    def test_two_mono_streams_are_a_pair_with_atmos_between_them(self):
        assert tracks_of((sound(1), atmos(), sound(1)), STEREO)[0].streams == (0, 2)


FOUND = st.lists(
    st.builds(
        sound,
        st.integers(0, 8),
        st.sampled_from([None, "en", "deu", "pt-BR", "English!"]),
        role=st.sampled_from([None, *AudioRole]),
    ),
    max_size=12,
)


@given(FOUND, st.sampled_from([SANDBOX_SOUND, PRODUCTION_SOUND]))
def test_nothing_is_lost_twice_or_without_a_name_of_its_own(found, rules):
    tracks = tracks_of(found, rules)
    assert len({track.name for track in tracks}) == len(tracks)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,90}", track.name) for track in tracks)
    by_recipe = {track.recipe: [] for track in tracks}
    for track in tracks:
        by_recipe[track.recipe].append(track)
    for group in by_recipe.values():
        # A group's members are the same in all groups, and each stream is heard in exactly one of them.
        assert [track.label for track in group] == [track.label for track in tracks if track.recipe == tracks[0].recipe]
        assert sorted(stream for track in group for stream in track.streams) == list(range(len(found)))
        assert len({track.label for track in group}) == len(group)


def test_eight_delivered_languages_in_surround_are_forty_tracks_in_production():
    found = [sound(6, language) for language in ("en", "de", "fr", "es", "it", "pt-BR", "ja", "ko", "pl")]
    assert 40 <= len(tracks_of(found, PRODUCTION_SOUND)) <= 50
    assert len(tracks_of(found[:8], PRODUCTION_SOUND)) == 40


def test_production_offers_aac_lc_first_and_he_aac_beside_it():
    assert names(sound(2), sound(1, "de"), rules=PRODUCTION_SOUND) == [
        "en_stereo_192k",
        "en_heaac_stereo_64k",
        "de_mono_96k",
        "de_heaac_mono_32k",
    ]
    # What is first plays everywhere; what the sandbox has needs no program that pip does not bring.
    assert PRODUCTION_SOUND.recipes[0].codec is SANDBOX_SOUND.recipes[0].codec is SoundCodec.AAC
    assert SoundCodec.HE_AAC not in {recipe.codec for recipe in SANDBOX_SOUND.recipes}


@pytest.mark.parametrize("rules", [SANDBOX_SOUND, PRODUCTION_SOUND])
def test_recipes_pass_through_an_environment(rules):
    assert SoundRules.model_validate_json(json.dumps(json.loads(rules.model_dump_json()))) == rules


def test_recipes_whose_tracks_would_be_called_alike_are_refused():
    rates = {"codec": "eac3", "kbps": {1: 64, 2: 128}}
    recipes = [{"name": "eac3-256", **rates}, {"name": "eac3-448", **rates, "kbps": {1: 96, 2: 128}}]
    with pytest.raises(ValidationError, match="128 kbit/s of 2 channels in eac3"):
        SoundRules.model_validate({"recipes": recipes, "loudness": PRODUCTION_SOUND.loudness})
