"""The recipes of sound, by profile. Another one is another entry: every language of a film gets a track by it.

HE-AAC is made by a program of its own, which only the image of the jobs has: `sandbox` goes without it.
"""

from __future__ import annotations

from lambdas.encoding.models import LoudnessTarget, SoundCodec, SoundRecipe, SoundRules

_LOUDNESS = LoudnessTarget(integrated_lkfs=-27.0, true_peak_dbtp=-1.0)
"""-27 LKFS is what studios have to deliver: so a mix is heard as it was made, and films are alike. Delivered peaks are
at -2 dBTP at most; -1, the most that EBU R 128 permits, leaves the codec what it adds."""

SANDBOX_SOUND = SoundRules(
    recipes=(
        SoundRecipe(name="aac-128", codec=SoundCodec.AAC, kbps={1: 64, 2: 128}),
        SoundRecipe(name="eac3-256", codec=SoundCodec.EAC3, kbps={1: 64, 2: 128, 6: 256}),
    ),
    loudness=_LOUDNESS,
)

PRODUCTION_SOUND = SoundRules(
    recipes=(
        SoundRecipe(name="aac-192", codec=SoundCodec.AAC, kbps={1: 96, 2: 192}),
        SoundRecipe(name="heaac-64", codec=SoundCodec.HE_AAC, kbps={1: 32, 2: 64}),
        SoundRecipe(name="ac3-448", codec=SoundCodec.AC3, kbps={1: 96, 2: 192, 6: 448}),
        SoundRecipe(name="eac3-256", codec=SoundCodec.EAC3, kbps={1: 64, 2: 128, 6: 256}),
        SoundRecipe(name="eac3-448", codec=SoundCodec.EAC3, kbps={1: 96, 2: 192, 6: 448}),
    ),
    loudness=_LOUDNESS,
)
