"""SPEKE v2.0 as a packager meets it: the presets, what each DRM system is told, and what is refused."""

import base64
import datetime as dt
import hashlib
import hmac
import re
import struct
import uuid
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.common.aws import client
from lambdas.common.errors import MarqueeError
from lambdas.common.media import Tier
from lambdas.playback import (
    content_key_store,
    cpix,
    handlers,
    key_delivery,
    publishing_handlers,
    revocation_store,
    revocations,
    store,
    xml_reading,
)
from lambdas.playback.speke_handlers import speke_keys
from tests.lambdas.playback.cpix_documents import (
    AUDIO,
    FAIRPLAY,
    NAMES,
    PLAYREADY,
    VIDEO,
    WIDEVINE,
    contract,
    document,
)

PACKAGER = "arn:aws:sts::123456789012:assumed-role/packager/1"
PRESETS = [
    ("1", "1", 2),
    ("2", "2", 4),
    ("3", "2", 5),
    ("4", "3", 7),
    ("5", "3", 8),
    ("6", "1", 5),
    ("7", "1", 4),
    ("8", "2", 6),
    ("3", "unencrypted", 3),
    ("unencrypted", "2", 2),
    ("shared", "shared", 1),
]


@pytest.fixture
def ask(aws, lambda_context):
    """Send a document; return status, headers, text and, of an answer, its root."""

    def ask(body, *, version="2.0", who=PACKAGER, base64_encoded=False):
        event = {
            "headers": {"content-type": "application/xml", **({"x-speke-version": version} if version else {})},
            "requestContext": {"requestId": "r", "authorizer": {"iam": {"userArn": who}} if who else {}},
            "body": base64.b64encode(body.encode()).decode() if base64_encoded else body,
            "isBase64Encoded": base64_encoded,
        }
        answer = speke_keys(event, lambda_context)
        good = answer["statusCode"] == 200
        return SimpleNamespace(
            status=answer["statusCode"],
            headers=answer["headers"],
            text=answer["body"],
            root=tree(answer["body"]) if good else None,
        )

    return ask


def tree(text):
    return xml_reading.parse(text if isinstance(text, bytes) else text.encode())


def keys_of(root):
    """The keys in clear by KID, hexadecimal."""
    return {
        uuid.UUID(key.get("kid")).hex: base64.b64decode(
            key.findtext("cpix:Data/pskc:Secret/pskc:PlainValue", "", NAMES)
        )
        for key in root.iterfind("cpix:ContentKeyList/cpix:ContentKey", NAMES)
    }


def systems_of(root, system):
    return root.findall(f"cpix:DRMSystemList/cpix:DRMSystem[@systemId='{system}']", NAMES)


def decoded(element, path):
    return base64.b64decode(element.findtext(path, "", NAMES))


@pytest.mark.parametrize(("video", "audio", "expected"), PRESETS)
def test_every_preset_gets_a_key_a_track_and_keeps_its_contract(ask, video, audio, expected):
    asked = document(contract(video, audio))

    answer = ask(asked)

    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["x-speke-version"] == "2.0"
    assert answer.headers["x-speke-user-agent"]
    keys = keys_of(answer.root)
    assert len(keys) == len(set(keys.values())) == expected
    assert {len(key) for key in keys.values()} == {16}
    before = tree(asked)
    for path in ("cpix:ContentKeyUsageRuleList", "cpix:ContentKeyList"):
        kids = [[child.get("kid") for child in root.find(path, NAMES)] for root in (before, answer.root)]
        assert kids[0] == kids[1]
    rules = [
        ET.canonicalize(ET.tostring(root.find("cpix:ContentKeyUsageRuleList", NAMES))) for root in (before, answer.root)
    ]
    assert rules[0] == rules[1]
    assert (answer.root.get("contentId"), answer.root.get("version")) == ("big-buck-bunny", "2.3")
    assert 'xmlns:cpix="' in answer.text
    assert 'xmlns:pskc="' in answer.text


def test_the_same_request_has_the_same_keys_and_another_title_has_others(ask):
    first, again = (keys_of(ask(document(contract("3", "2"))).root) for _ in range(2))
    kids = [str(uuid.UUID(kid)) for kid in first]
    other = keys_of(ask(document(contract("3", "2"), content_id="another-title", kids=kids)).root)

    assert first == again
    assert other.keys() == first.keys()
    assert not set(other.values()) & set(first.values())


def test_widevine_is_told_the_key_in_its_box_in_dash_and_in_hls(ask):
    root = ask(document(contract("1", "1"), systems=(WIDEVINE,))).root

    for system in systems_of(root, WIDEVINE):
        kid = uuid.UUID(system.get("kid"))
        box = decoded(system, "cpix:PSSH")
        size, kind, flags, who, length = struct.unpack(">I4sI16sI", box[:32])
        assert (size, kind, flags, uuid.UUID(bytes=who)) == (len(box), b"pssh", 0, uuid.UUID(WIDEVINE))
        assert length == len(box) - 32
        assert box[32:] == b"\x12\x10" + kid.bytes + b"\x48" + bytes.fromhex("f3c6899b06")
        [element] = tree(f"<x>{decoded(system, 'cpix:ContentProtectionData').decode()}</x>")
        assert (element.tag, base64.b64decode(element.text)) == ("{urn:mpeg:cenc:2013}pssh", box)
        media, master = (tag(system, playlist) for playlist in ("media", "master"))
        assert media.startswith("#EXT-X-KEY:METHOD=SAMPLE-AES,")
        assert master == media.replace("#EXT-X-KEY", "#EXT-X-SESSION-KEY")
        assert f"KEYID=0x{kid.hex}" in media
        assert f'KEYFORMAT="urn:uuid:{WIDEVINE}"' in media


def tag(system, playlist):
    return decoded(system, f"cpix:HLSSignalingData[@playlist='{playlist}']").decode()


@pytest.mark.parametrize(
    ("scheme", "version", "cipher"), [("cenc", "4.0.0.0", "AESCTR"), ("cbcs", "4.3.0.0", "AESCBC")]
)
def test_playready_is_told_the_key_in_its_object(ask, scheme, version, cipher):
    root = ask(document(contract("1", "1"), systems=(PLAYREADY,), scheme=scheme)).root

    for system in systems_of(root, PLAYREADY):
        pro = decoded(system, "cpix:SmoothStreamingProtectionHeaderData")
        length, records, kind, size = struct.unpack("<IHHH", pro[:10])
        header = pro[10:].decode("utf-16-le")
        assert (length, records, kind, size) == (len(pro), 1, 1, len(pro) - 10)
        assert f'version="{version}"' in header
        assert cipher in header
        assert base64.b64encode(uuid.UUID(system.get("kid")).bytes_le).decode() in header
        assert tree(header).tag.endswith("WRMHEADER")
        box = decoded(system, "cpix:PSSH")
        assert box[32:] == pro
        parts = tree(f"<x>{decoded(system, 'cpix:ContentProtectionData').decode()}</x>")
        assert base64.b64decode(parts.findtext("cenc:pssh", "", NAMES)) == box
        assert base64.b64decode(parts.findtext("mspr:pro", "", NAMES)) == pro
        assert 'KEYFORMAT="com.microsoft.playready"' in tag(system, "media")
        assert base64.b64encode(pro).decode() in tag(system, "master")


def test_fairplay_has_playlists_and_an_iv_and_no_box(ask):
    root = ask(document(contract("1", "1"), systems=(FAIRPLAY,))).root

    for system in systems_of(root, FAIRPLAY):
        key_id = uuid.UUID(system.get("kid")).hex
        assert system.find("cpix:PSSH", NAMES) is None
        assert system.find("cpix:ContentProtectionData", NAMES) is None
        said = (
            f'METHOD=SAMPLE-AES,URI="skd://{key_id}",KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1"'
        )
        assert tag(system, "media") == f"#EXT-X-KEY:{said}"
        assert tag(system, "master") == f"#EXT-X-SESSION-KEY:{said}"
    ivs = [key.get("explicitIV") for key in root.iterfind("cpix:ContentKeyList/cpix:ContentKey", NAMES)]
    assert {len(base64.b64decode(iv)) for iv in ivs} == {16}
    assert len(set(ivs)) == len(ivs)


def test_an_iv_of_the_packagers_stays_and_none_is_made_where_nobody_needs_one(ask):
    own = base64.b64encode(bytes(range(16))).decode()
    given_one = ask(document(contract("1", "1"), iv=own)).root
    without = ask(document(contract("1", "1"), systems=(WIDEVINE,))).root

    assert {key.get("explicitIV") for key in given_one.iter("{urn:dashif:org:cpix}ContentKey")} == {own}
    assert {key.get("explicitIV") for key in without.iter("{urn:dashif:org:cpix}ContentKey")} == {None}


def test_keys_rotate_by_key_period(ask):
    answer = ask(document(contract("1", "1"), periods=(7, 8)))

    assert answer.status == 200
    keys = keys_of(answer.root)
    assert len(set(keys.values())) == 4
    kept = content_key_store.ContentKeyTable("content_keys").of_title("big-buck-bunny")
    assert {(key.track, key.period) for key in kept} == {(t, p) for t in ("VIDEO", "AUDIO") for p in (7, 8)}


@pytest.mark.parametrize(
    ("video", "audio", "tiers"),
    [
        ("1", "1", {"VIDEO": Tier.SD, "AUDIO": Tier.AUDIO}),
        ("2", "unencrypted", {"SD": Tier.SD, "HD": Tier.HD}),
        ("4", "unencrypted", {"SD": Tier.SD, "HD": Tier.HD, "UHD1": Tier.UHD, "UHD2": Tier.UHD}),
        ("8", "unencrypted", {"SD+HD1": Tier.SD, "HD2": Tier.HD, "UHD1": Tier.UHD, "UHD2": Tier.UHD}),
        ("5", "unencrypted", {"SD": Tier.SD, "HD1": Tier.HD, "HD2": Tier.HD, "UHD1": Tier.UHD, "UHD2": Tier.UHD}),
        ("shared", "shared", {"ALL": Tier.SD}),
    ],
)
def test_a_key_belongs_to_the_lowest_tier_that_needs_it(video, audio, tiers):
    read = cpix.read(document(contract(video, audio)).encode())

    assert {key.track: key.tier for key in read.keys} == tiers


def test_a_key_that_was_issued_over_speke_is_the_one_that_a_licence_holds(ask, published, call):
    """The packager's film, published under its KIDs: for a KID, ClearKey gives what the packager encrypted with."""
    issued = keys_of(ask(document(contract("3", "1"), content_id=published.title_id)).root)
    read = cpix.read(document(contract("3", "1"), content_id=published.title_id).encode())
    # Of a title without a picture in UHD, whose key no session would have.
    key_ids = {key.tier: key.key_id for key in read.keys if key.tier is not Tier.UHD}
    store.PlayableTable("playable").put_if_newer(published.model_copy(update={"key_ids": key_ids, "revision": 4}))
    session = call(handlers.create_session, body={"title_id": published.title_id}).json
    kids = [base64.urlsafe_b64encode(bytes.fromhex(kid)).rstrip(b"=").decode() for kid in key_ids.values()]

    licence = call(handlers.license, body={"kids": kids}, query={"session_id": session["session_id"]})

    given = {unb64(key["kid"]).hex(): unb64(key["k"]) for key in licence.json["keys"]}
    assert given == {key_id: issued[key_id] for key_id in key_ids.values()}


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_packager_that_names_our_own_kids_gets_our_own_keys(ask, published, lambda_context):
    before = publishing_handlers.issue_keys({"title_id": published.title_id}, lambda_context)["keys"]
    kids = [str(uuid.UUID(key["key_id"])) for key in before if key["tier"] in {"AUDIO", "SD", "HD", "UHD"}][:2]

    given = keys_of(ask(document(contract("1", "1"), content_id=published.title_id, kids=kids)).root)

    table = content_key_store.ContentKeyTable("content_keys")
    own = {
        key.key_id: content_key_store.unwrap(key, title_id=published.title_id)
        for key in table.of_title(published.title_id)
    }
    assert given == {uuid.UUID(kid).hex: own[uuid.UUID(kid).hex] for kid in kids}


def test_what_packagers_ask_for_changes_nothing_for_our_own(ask, published, lambda_context):
    before = publishing_handlers.issue_keys({"title_id": published.title_id}, lambda_context)
    ask(document(contract("5", "3"), content_id=published.title_id, periods=(3,)))

    assert publishing_handlers.issue_keys({"title_id": published.title_id}, lambda_context) == before


def test_no_key_is_at_rest_or_in_a_log_in_the_clear(ask, caplog):
    keys = keys_of(ask(document(contract("5", "3"))).root)

    stored = str(client("dynamodb").scan(TableName="content_keys")["Items"])
    logged = str([vars(record) for record in caplog.records])
    assert "keys issued to a packager" in logged
    for key in keys.values():
        for spelled in (base64.b64encode(key).decode(), key.hex()):
            assert spelled not in stored
            assert spelled not in logged


# Encrypted delivery


@pytest.fixture(scope="module")
def packager():
    """A packager's RSA key, and its certificate in DER."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return SimpleNamespace(key=key, certificate=certificate(key))


def certificate(key, *, days=1):
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "packager")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=3))
        .not_valid_after(now + dt.timedelta(days=days))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def b64(raw):
    return base64.b64encode(raw).decode()


def opened(key, element):
    """What an ``EncryptedValue`` for a certificate holds."""
    sha1 = hashes.SHA1()  # noqa: S303 - what the algorithm's name means
    value = decoded(element, "pskc:EncryptedValue/enc:CipherData/enc:CipherValue")
    return key.decrypt(value, padding.OAEP(mgf=padding.MGF1(sha1), algorithm=sha1, label=None))


def test_keys_are_encrypted_for_the_certificate_of_the_request(ask, packager):
    clear = keys_of(ask(document(contract("3", "2"))).root)

    answer = ask(document(contract("3", "2"), certificates=[b64(packager.certificate)]))

    assert "PlainValue" not in answer.text
    recipient = answer.root.find("cpix:DeliveryDataList/cpix:DeliveryData", NAMES)
    assert recipient.find("cpix:DocumentKey", NAMES).get("Algorithm").endswith("#aes256-cbc")
    document_key = opened(packager.key, recipient.find("cpix:DocumentKey/cpix:Data/pskc:Secret", NAMES))
    mac_key = opened(packager.key, recipient.find("cpix:MACMethod/cpix:Key", NAMES))
    given = {}
    for element in answer.root.iterfind("cpix:ContentKeyList/cpix:ContentKey", NAMES):
        secret = element.find("cpix:Data/pskc:Secret", NAMES)
        ciphertext = decoded(secret, "pskc:EncryptedValue/enc:CipherData/enc:CipherValue")
        code = hmac.digest(mac_key, ciphertext, hashlib.sha512)
        assert decoded(secret, "pskc:ValueMAC") == code
        decryptor = Cipher(algorithms.AES(document_key), modes.CBC(ciphertext[:16])).decryptor()
        padded = decryptor.update(ciphertext[16:]) + decryptor.finalize()
        given[uuid.UUID(element.get("kid")).hex] = padded[: -padded[-1]]
    assert given == clear


def test_a_certificate_that_cannot_be_meant_is_refused(ask, packager):
    expired = certificate(packager.key, days=-1)

    for wrong in (b"no certificate", expired):
        answer = ask(document(contract("1", "1"), certificates=[b64(wrong)]))
        assert answer.status == 422
        assert "X509Certificate" in answer.text
        assert "PlainValue" not in answer.text
    assert ask(document(contract("1", "1"), certificates=["not base64!"])).status == 422


def test_a_revoked_certificate_gets_no_key(ask, packager):
    fingerprint = key_delivery.fingerprint(packager.certificate)
    revocation_store.RevocationTable("revocations").put(
        revocations.Revocation(kind="certificate", subject=fingerprint, by="a", reason="lost", revoked_at=1),
        expires_at=None,
    )

    answer = ask(document(contract("1", "1"), certificates=[b64(packager.certificate)]))

    assert answer.status == 403
    assert "urn:marquee:problem:revoked" in answer.text
    assert content_key_store.ContentKeyTable("content_keys").of_title("big-buck-bunny") == ()


# Refusals


@pytest.mark.parametrize("version", [None, "1.0", "2.1", "", "2"])
def test_other_versions_are_refused_by_name(ask, version):
    answer = ask(document(contract("1", "1")), version=version)

    assert answer.status == 422
    assert "Unsupported SPEKE version" in answer.text
    assert answer.headers["x-speke-version"] == "2.0"


def test_a_request_that_nobody_signed_is_refused(ask):
    assert ask(document(contract("1", "1")), who=None).status == 403


GOOD = document(contract("1", "1"))
KID = re.search(r'kid="([^"]+)"', GOOD)[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((' contentId="big-buck-bunny"', ""), "Missing CPIX@contentId"),
        ((' version="2.3"', ""), "Missing CPIX@version"),
        (('version="2.3"', 'version="2.1"'), "Unsupported CPIX@version"),
        ((' commonEncryptionScheme="cbcs"', ""), "Missing ContentKey@commonEncryptionScheme for KID"),
        (('commonEncryptionScheme="cbcs"', 'commonEncryptionScheme="cenc"', 1), "Non compliant ContentKey@common"),
        (('commonEncryptionScheme="cbcs"', 'commonEncryptionScheme="cenc"'), "Non compliant ContentKey@common"),
        (('commonEncryptionScheme="cbcs"', 'commonEncryptionScheme="aes"'), "Non compliant ContentKey@common"),
        ((f'<cpix:ContentKey kid="{KID}"', "<cpix:ContentKey"), "Missing ContentKey@kid"),
        ((f'<cpix:DRMSystem kid="{KID}"', "<cpix:DRMSystem"), "Missing DRMSystem@kid"),
        ((f'<cpix:ContentKeyUsageRule kid="{KID}"', "<cpix:ContentKeyUsageRule"), "Missing ContentKeyUsageRule@kid"),
        ((f'systemId="{WIDEVINE}"', ""), "DRMSystem@systemId"),
        (('intendedTrackType="VIDEO"', ""), "Missing intendedTrackType"),
        (('intendedTrackType="VIDEO"', 'intendedTrackType="AUDIO"'), "stands twice"),
        (('intendedTrackType="VIDEO"', 'intendedTrackType="ALL"'), "ALL"),
        (("<cpix:VideoFilter/>", ""), "neither a VideoFilter nor an AudioFilter"),
        (("<cpix:VideoFilter/>", '<cpix:VideoFilter minPixels="many"/>'), "VideoFilter@minPixels"),
        (("<cpix:VideoFilter/>", '<cpix:KeyPeriodFilter periodId="x"/><cpix:VideoFilter/>'), "KeyPeriodFilter"),
        (('playlist="media"', 'playlist="other"'), "HLSSignalingData@playlist"),
        (('playlist="media"', 'playlist="master"'), "HLSSignalingData@playlist"),
        (("cpix:ContentKeyList>", "cpix:Nothing>"), "ContentKeyList"),
        (("cpix:DRMSystemList>", "cpix:Nothing>"), "DRMSystemList"),
        (("cpix:ContentKeyUsageRuleList>", "cpix:Nothing>"), "ContentKeyUsageRuleList"),
        (('"big-buck-bunny"', '"a&#10;b"'), "CPIX@contentId"),
        (('xmlns:cpix="urn:dashif:org:cpix"', 'xmlns:cpix="urn:other"'), "CPIX"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_the_rules_name(ask, change, message):
    changed = GOOD.replace(*change)
    assert changed != GOOD

    answer = ask(changed)

    assert answer.status == 422, answer.text
    assert message in answer.text
    assert answer.headers["x-speke-user-agent"]
    assert client("dynamodb").scan(TableName="content_keys")["Count"] == 0


def test_one_shared_key_shares_with_nothing_else(ask):
    rules = {**contract("shared", "shared"), **contract("unencrypted", "2")}

    assert ask(document(rules)).status == 422


@pytest.mark.parametrize("iv", ["AAAA", "%%%", base64.b64encode(bytes(17)).decode()])
def test_an_iv_of_another_size_is_refused(ask, iv):
    assert ask(document(contract("1", "1"), iv=iv)).status == 422


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<",
        "no XML",
        "{}",
        GOOD.replace("<cpix:CPIX", f"{BOMB}<cpix:CPIX").replace("big-buck-bunny", "&b;"),
        GOOD.replace("<cpix:CPIX", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><cpix:CPIX'),
        GOOD.replace("<cpix:CPIX", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><cpix:CPIX'),
        GOOD.replace("big-buck-bunny", "&unknown;"),
        "<a>" * 30 + "</a>" * 30,
        f"<a>{'<b/>' * 5000}</a>",
    ],
)
def test_xml_that_no_packager_sends_is_refused_before_it_is_understood(ask, body):
    answer = ask(body)

    assert answer.status == 400
    assert "root:" not in answer.text


def test_too_much_of_everything_is_refused(ask):
    many = [str(uuid.uuid4()) for _ in range(10_000)]
    keys = "".join(f'<cpix:ContentKey kid="{kid}" commonEncryptionScheme="cbcs"/>' for kid in many)
    some = "".join(f'<cpix:ContentKey kid="{kid}" commonEncryptionScheme="cbcs"/>' for kid in many[:100])

    assert ask(GOOD.replace("<cpix:ContentKeyList>", f"<cpix:ContentKeyList>{keys}")).status == 422
    answer = ask(GOOD.replace("<cpix:ContentKeyList>", f"<cpix:ContentKeyList>{some}"))
    assert answer.status == 422
    assert "at most" in answer.text


def test_a_title_of_any_script_has_keys_and_a_body_may_come_in_base64(ask):
    answer = ask(document(contract("1", "1"), content_id='Das <große> "Kaninchen" 兎'), base64_encoded=True)

    assert answer.status == 200
    assert answer.root.get("contentId") == 'Das <große> "Kaninchen" 兎'


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_no_bytes_break_the_parser(raw):
    with pytest.raises(MarqueeError):
        cpix.read(raw)


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_document_is_read_or_refused_and_nothing_else(data):
    text = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8))

    try:
        read = cpix.read(bytes(text))
    except MarqueeError:
        return
    root = tree(cpix.answer(read, {key.key_id: cpix.plain(bytes(16)) for key in read.keys}))
    assert keys_of(root) == {key.key_id: bytes(16) for key in read.keys}


@given(
    video=st.sampled_from([name for name in VIDEO if name != "unencrypted"]),
    audio=st.sampled_from([*AUDIO]),
    systems=st.sets(st.sampled_from([WIDEVINE, PLAYREADY, FAIRPLAY]), min_size=1),
    periods=st.sets(st.integers(0, 10**6), max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_every_contract_is_answered_for_every_system(video, audio, systems, periods):
    rules = contract(video, audio)
    read = cpix.read(document(rules, systems=sorted(systems), periods=sorted(periods)).encode())

    root = tree(cpix.answer(read, {key.key_id: cpix.plain(bytes(16)) for key in read.keys}))

    assert {(key.period, key.track) for key in read.keys} == {(p, t) for p in periods or {0} for t in rules}
    for system in systems:
        found = systems_of(root, system)
        assert len(found) == len(read.keys)
        assert all(child.text for one in found for child in one if not (system == WIDEVINE and "Smooth" in child.tag))
