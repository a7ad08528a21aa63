"""CPIX documents as packagers send them: SPEKE v2.0's presets of video and audio, for any DRM systems."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

SD, HD, FULL_HD, UHD1 = 1024 * 576, 1280 * 720, 1920 * 1080, 4096 * 2160
NAMES = {
    "cpix": "urn:dashif:org:cpix",
    "pskc": "urn:ietf:params:xml:ns:keyprov:pskc",
    "enc": "http://www.w3.org/2001/04/xmlenc#",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "cenc": "urn:mpeg:cenc:2013",
    "mspr": "urn:microsoft:playready",
}


def _video(least=None, most=None):
    limits = "".join(f' {name}="{value}"' for name, value in (("minPixels", least), ("maxPixels", most)) if value)
    return f"<cpix:VideoFilter{limits}/>"


def _audio(least=None, most=None):
    limits = "".join(f' {name}="{value}"' for name, value in (("minChannels", least), ("maxChannels", most)) if value)
    return f"<cpix:AudioFilter{limits}/>"


_SD, _LOW_HD, _FULL_HD = {"SD": _video(most=SD)}, {"HD1": _video(SD + 1, HD)}, {"HD2": _video(HD + 1, FULL_HD)}
_HD, _UHD = {"HD": _video(SD + 1, FULL_HD)}, {"UHD": _video(FULL_HD + 1)}
_UHDS = {"UHD1": _video(FULL_HD + 1, UHD1), "UHD2": _video(UHD1 + 1)}
# By intendedTrackType (docs.aws.amazon.com/mediapackage, "SPEKE Version 2.0 presets").
VIDEO: Mapping[str, Mapping[str, str]] = {
    "unencrypted": {},
    "1": {"VIDEO": _video()},
    "2": {**_SD, "HD": _video(SD + 1)},
    "3": {**_SD, **_HD, **_UHD},
    "4": {**_SD, **_HD, **_UHDS},
    "5": {**_SD, **_LOW_HD, **_FULL_HD, **_UHDS},
    "6": {**_SD, **_LOW_HD, **_FULL_HD, **_UHD},
    "7": {"SD+HD1": _video(most=HD), **_FULL_HD, **_UHD},
    "8": {"SD+HD1": _video(most=HD), **_FULL_HD, **_UHDS},
}
AUDIO: Mapping[str, Mapping[str, str]] = {
    "unencrypted": {},
    "1": {"AUDIO": _audio()},
    "2": {"STEREO_AUDIO": _audio(most=2), "MULTICHANNEL_AUDIO": _audio(3)},
    "3": {"STEREO_AUDIO": _audio(most=2), "MULTICHANNEL_AUDIO_3_6": _audio(3, 6), "MULTICHANNEL_AUDIO_7": _audio(7)},
}
SHARED = {"ALL": _video() + _audio()}

WIDEVINE = "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
PLAYREADY = "9a04f079-9840-4286-ab92-e65be0885f95"
FAIRPLAY = "94ce86fb-07ff-4f43-adb8-93d2fa968ca2"
_ASKED = (
    "<cpix:PSSH/><cpix:ContentProtectionData/><cpix:SmoothStreamingProtectionHeaderData/>"
    '<cpix:HLSSignalingData playlist="media"></cpix:HLSSignalingData>'
    '<cpix:HLSSignalingData playlist="master"></cpix:HLSSignalingData>'
)


def contract(video: str, audio: str) -> dict[str, str]:
    """Return the usage rules of two presets: filters by intendedTrackType."""
    return dict(SHARED) if "shared" in {video, audio} else {**VIDEO[video], **AUDIO[audio]}


def document(
    rules: Mapping[str, str],
    *,
    content_id: str = "big-buck-bunny",
    kids: Sequence[str] | None = None,
    systems: Sequence[str] = (WIDEVINE, PLAYREADY, FAIRPLAY),
    scheme: str = "cbcs",
    periods: Sequence[int] = (),
    certificates: Sequence[str] = (),
    iv: str | None = None,
) -> str:
    """Return a request for one key a rule, and a period where there are any.

    Parameters
    ----------
    certificates
        Base64 of DER, one a recipient.
    """
    wanted = [(period, track, filters) for period in periods or (None,) for track, filters in rules.items()]
    named = list(kids or (str(uuid.uuid5(uuid.NAMESPACE_URL, f"{content_id}/{p}/{t}")) for p, t, _ in wanted))
    extra = "" if iv is None else f" explicitIV={quoteattr(iv)}"
    keys = "".join(f'<cpix:ContentKey kid="{kid}" commonEncryptionScheme="{scheme}"{extra}/>' for kid in named)
    announced = "".join(
        f'<cpix:DRMSystem kid="{kid}" systemId="{system}">{_ASKED}</cpix:DRMSystem>'
        for system in systems
        for kid in named
    )
    used = "".join(
        f'<cpix:ContentKeyUsageRule kid="{kid}" intendedTrackType="{track}">'
        + (f'<cpix:KeyPeriodFilter periodId="period_{period}"/>' if period is not None else "")
        + f"{filters}</cpix:ContentKeyUsageRule>"
        for kid, (period, track, filters) in zip(named, wanted, strict=True)
    )
    listed = "".join(f'<cpix:ContentKeyPeriod id="period_{period}" index="{period}"/>' for period in periods)
    recipients = "".join(
        f'<cpix:DeliveryData id="packager-{n}"><cpix:DeliveryKey><ds:X509Data><ds:X509Certificate>{certificate}'
        "</ds:X509Certificate></ds:X509Data></cpix:DeliveryKey></cpix:DeliveryData>"
        for n, certificate in enumerate(certificates)
    )
    spaces = " ".join(f'xmlns:{name}="{NAMES[name]}"' for name in ("cpix", "pskc", "ds"))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<cpix:CPIX contentId={quoteattr(content_id)} version="2.3" {spaces}>'
        + (f"<cpix:DeliveryDataList>{recipients}</cpix:DeliveryDataList>" if recipients else "")
        + f"<cpix:ContentKeyList>{keys}</cpix:ContentKeyList><cpix:DRMSystemList>{announced}</cpix:DRMSystemList>"
        + (f"<cpix:ContentKeyPeriodList>{listed}</cpix:ContentKeyPeriodList>" if listed else "")
        + f"<cpix:ContentKeyUsageRuleList>{used}</cpix:ContentKeyUsageRuleList></cpix:CPIX>"
    )
