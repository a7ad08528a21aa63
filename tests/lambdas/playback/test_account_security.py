import time
from unittest.mock import Mock

import pytest

from lambdas.common.aws import client
from lambdas.common.errors import NotFoundError, TransientError
from lambdas.playback import account_handlers, handlers, operator_handlers
from lambdas.playback.account_security import (
    AccountSecurity,
    SignedOutError,
    admit,
    overview,
    refusal,
    sign_out_all,
    sign_out_device,
)
from lambdas.playback.enforcement import DAY_S, Stage, Standing
from lambdas.playback.models import Device
from lambdas.playback.risk import Reason, distance_km
from lambdas.playback.signals import Place, Signals, origin_token, read
from lambdas.playback.store import SecurityTable

BERLIN, SYDNEY = Place(latitude=52.5, longitude=13.4), Place(latitude=-33.9, longitude=151.2)
DAY_0 = 20_000 * DAY_S
CLOUDFRONT = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.1",
    "accept-language": "de-DE,de;q=0.9",
    "cloudfront-viewer-country": "DE",
    "cloudfront-viewer-latitude": "52.52437",
    "cloudfront-viewer-longitude": "13.41053",
    "cloudfront-viewer-asn": "3320",
    "cloudfront-viewer-address": "192.0.2.17:4711",
}


def use(device="tv", *, network="home", country="DE", place=BERLIN, fingerprint=None):
    return Signals(device_id=device, fingerprint=fingerprint or device, network=network, country=country, place=place)


class Account:
    """An account that is used, day by day."""

    def __init__(self):
        self.security = AccountSecurity(viewer_id="viewer-1")

    def plays(self, signals, *, day=0.0, signed_in=0):
        now = int(DAY_0 + day * DAY_S)
        self.security = admit(self.security, signals=signals, signed_in_at=signed_in, now=now)
        return self.security.standing


def test_the_signals_are_what_the_player_says_and_what_cloudfront_adds(edge_key):
    trusted = CLOUDFRONT | {"x-marquee-origin": origin_token(edge_key)}
    signals = read(trusted, device=Device(id="d-1", name="TV"), key=edge_key)
    assert (signals.device_id, signals.device, signals.country) == ("d-1", "TV", "DE")
    assert signals.place == Place(latitude=52.5, longitude=13.4), "some 10 km are enough"
    assert "192.0.2" not in signals.model_dump_json()


def test_the_headers_of_one_who_goes_past_cloudfront_are_not_believed(edge_key):
    for forged in (CLOUDFRONT, CLOUDFRONT | {"x-marquee-origin": "0" * 64}):
        signals = read(forged, device=Device(id="d-1"), key=edge_key)
        assert (signals.network, signals.country, signals.place) == (None, None, None)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.17:1", "192.0.2.200:2", True),
        ("192.0.2.17:1", "192.0.3.17:1", False),
        ("2001:db8:1:2::5:443", "2001:db8:1:ffff::9:443", True),
        ("2001:db8:1:2::5:443", "2001:db8:2:2::5:443", False),
    ],
)
def test_a_network_is_a_prefix(edge_key, one, other, same):
    def network(address):
        headers = CLOUDFRONT | {"x-marquee-origin": origin_token(edge_key), "cloudfront-viewer-address": address}
        return read(headers, device=Device(), key=edge_key).network

    assert network(one)
    assert (network(one) == network(other)) is same


@pytest.mark.parametrize("broken", ["", "nowhere", "1:2:3"])
def test_what_cannot_be_read_is_left_out(edge_key, broken):
    headers = dict.fromkeys(CLOUDFRONT, broken) | {"x-marquee-origin": origin_token(edge_key)}
    signals = read(headers, device=Device(), key=edge_key)
    assert (signals.network, signals.place) == (None, None)


def test_an_update_of_the_browser_is_no_other_device(edge_key):
    newer = CLOUDFRONT | {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/141.2.7"}
    one, other = (read(headers, device=Device(), key=edge_key) for headers in (CLOUDFRONT, newer))
    assert one.device_id == other.device_id


def test_berlin_and_sydney_are_as_far_apart_as_they_are():
    assert distance_km(BERLIN, SYDNEY) == pytest.approx(16_090, rel=0.01)


def test_a_new_device_where_nobody_could_be_is_counted_once_a_day():
    account = Account()
    account.plays(use())
    standing = account.plays(use("thief", network="far", country="AU", place=SYDNEY), day=0.1)
    assert standing.points > 0
    account.plays(use(), day=0.11)
    again = account.plays(use("thief-2", network="far", country="NZ", place=SYDNEY), day=0.12)
    assert again.points <= standing.points
    account.plays(use(), day=1.01)
    tomorrow = account.plays(use("thief-3", network="far", country="JP", place=SYDNEY), day=1.02)
    assert tomorrow.stage is Stage.NOTICE
    assert Reason.IMPOSSIBLE_TRAVEL in tomorrow.reasons


def test_a_traveller_and_the_family_at_home_at_the_same_time_are_no_suspicion():
    account = Account()
    for day in range(30):
        account.plays(use(), day=day)
        account.plays(use("phone"), day=day)
    for day in range(30, 45):
        account.plays(use(), day=day)
        account.plays(use("phone", network="hotel", country="AU", place=SYDNEY), day=day + 0.01)
    assert account.security.standing == Standing(at=account.security.standing.at)


def test_a_child_that_studies_is_no_suspicion_and_three_other_households_are():
    family, shared = Account(), Account()
    for day in range(60):
        family.plays(use(), day=day)
        family.plays(use("laptop", network="campus"), day=day)
        shared.plays(use(), day=day)
        for number in range(3):
            shared.plays(use(f"friend-{number}", network=f"friend-{number}"), day=day)
    assert family.security.standing.stage is Stage.CLEAR
    assert shared.security.standing.stage is not Stage.CLEAR
    assert shared.security.standing.reasons == (Reason.OTHER_HOUSEHOLDS,)


def test_a_known_device_behind_a_vpn_is_no_suspicion():
    account = Account()
    for day in range(20):
        account.plays(use("laptop", network="home"), day=day)
        account.plays(use("laptop", network="vpn", country="AU", place=SYDNEY), day=day + 0.01)
    assert account.security.standing.points == 0


def test_a_line_with_a_new_address_takes_the_household_with_it():
    account = Account()
    for day in range(60):
        line = "home" if day < 30 else "home-2"
        account.plays(use("tv", network=line), day=day)
        account.plays(use("phone", network=line), day=day)
        account.plays(use("friend", network="friend"), day=day)
    assert account.security.history.home == "home-2"
    friend = next(device for device in account.security.history.devices if device.device_id == "friend")
    assert friend.at_home_at == 0


def test_what_is_not_told_is_no_suspicion():
    account = Account()
    for day in range(60):
        for number in range(6):
            account.plays(use(f"d-{number}", network=None, country=None, place=None), day=day)
    assert account.security.standing.points == 0


def test_a_challenge_is_answered_by_signing_in_again():
    account = Account()
    account.security = account.security.model_copy(
        update={"standing": Standing(stage=Stage.CHALLENGE, since=DAY_0, points=25, at=DAY_0, reasons=("r",))}
    )
    account.plays(use(), day=0.1, signed_in=DAY_0 - 1)
    error = refusal(account.security)
    assert dict(error.members) == {"reason": "challenge", "stage": "challenge", "reasons": ["r"]}
    account.plays(use(), day=0.2, signed_in=DAY_0 + 60)
    assert refusal(account.security) is None


def test_a_device_that_was_signed_out_needs_a_new_sign_in():
    account = Account()
    account.plays(use("tv"))
    account.plays(use("phone"))
    account.security = sign_out_device(account.security, "tv", now=DAY_0 + 10)
    assert [device.device_id for device in overview(account.security, now=DAY_0).devices] == ["phone"]
    account.plays(use("phone"), day=0.1)
    with pytest.raises(SignedOutError):
        account.plays(use("tv"), day=0.1, signed_in=DAY_0)
    account.plays(use("tv"), day=0.1, signed_in=DAY_0 + 11)
    with pytest.raises(NotFoundError):
        sign_out_device(account.security, "radio", now=DAY_0)


def test_after_signing_out_everywhere_every_device_needs_a_new_sign_in():
    account = Account()
    account.plays(use("tv"))
    account.security = sign_out_all(account.security, now=DAY_0 + 10)
    for device in ("tv", "new"):
        with pytest.raises(SignedOutError):
            account.plays(use(device), day=0.1, signed_in=DAY_0 + 9)
    account.plays(use("tv"), day=0.1, signed_in=DAY_0 + 10)


def test_the_household_is_where_most_is_watched():
    account = Account()
    for day in range(20):
        account.plays(use("tv"), day=day)
        account.plays(use("phone", network="office" if day % 2 else "home"), day=day)
    account.plays(use("guest", network="office"), day=20)
    devices = {device.device_id: device for device in overview(account.security, now=DAY_0 + 20 * DAY_S).devices}
    assert {name: device.in_household for name, device in devices.items()} == {
        "tv": True,
        "phone": True,
        "guest": False,
    }


def test_what_is_kept_stays_small():
    account = Account()
    for number in range(200):
        account.plays(use(f"d-{number}", network=f"n-{number}", country=f"{number:02d}"), day=number / 5)
    assert len(account.security.model_dump_json()) < 16_000


def test_a_session_notes_its_device_and_the_viewer_sees_and_signs_it_out(published, call, edge_key):
    headers = CLOUDFRONT | {"x-marquee-origin": origin_token(edge_key)}
    body = {"title_id": published.title_id, "device": {"id": "d-1", "name": "Web player"}}
    assert call(handlers.create_session, body=body, headers=headers, auth_time="1000").status == 201
    [device] = call(account_handlers.list_devices).json["devices"]
    assert (device["device_id"], device["name"], device["country"]) == ("d-1", "Web player", "DE")
    assert call(account_handlers.list_devices, viewer="viewer-2").json["devices"] == []
    assert call(account_handlers.sign_out_device, path={"device_id": "d-1"}).status == 204
    assert call(account_handlers.sign_out_device, path={"device_id": "d-1"}).status == 404
    refused = call(handlers.create_session, body=body, headers=headers, auth_time="1000")
    assert (refused.status, refused.json["title"]) == (403, "Forbidden")


@pytest.fixture
def play(published, call):
    """Begin a session on a device; return what asks for its heartbeat's and its manifest's status."""

    def play(device, viewer="viewer-1"):
        body = {"title_id": published.title_id, "device": {"id": device}}
        opened = call(handlers.create_session, body=body, viewer=viewer, auth_time="1000")
        path = {"session_id": opened.json["session_id"]}

        def statuses():
            beat = call(handlers.heartbeat, path=path, viewer=viewer)
            return beat.status, call(handlers.get_manifest, path=path, query={"format": "dash"}, viewer=viewer).status

        assert statuses() == (204, 200)
        return statuses

    return play


def test_what_plays_on_a_device_ends_when_it_is_signed_out_and_what_plays_on_others_does_not(play, call):
    tv, phone, stranger = play("tv"), play("phone"), play("tv", viewer="viewer-2")
    assert call(account_handlers.sign_out_device, path={"device_id": "tv"}).status == 204
    assert tv() == (410, 410)
    assert phone() == stranger() == (204, 200)


def test_a_sign_out_that_was_lost_halfway_is_made_up_for(play, call, monkeypatch):
    tv = play("tv")
    with monkeypatch.context() as lost:
        lost.setattr(account_handlers.LeaseTable, "release_all", Mock(side_effect=TransientError("busy")))
        assert call(account_handlers.sign_out_device, path={"device_id": "tv"}).status == 503
    assert tv() == (204, 200)
    assert call(account_handlers.sign_out_device, path={"device_id": "tv"}).status == 404
    assert tv() == (410, 410)


def test_a_viewer_is_told_who_watches_on_the_account_and_on_no_other(aws, call, lambda_context):
    change = {"profiles": [{"profile_id": "kids", "name": "Kids", "max_age": 7}, {"profile_id": "ada", "name": "Ada"}]}
    asked = {"viewer_id": "viewer-1", "by": "arn:aws:iam::1:role/r", "change": change}
    operator_handlers.account(asked, lambda_context)
    assert call(account_handlers.list_profiles).json == {
        "profiles": [
            {"profile_id": "kids", "name": "Kids", "max_age": 7},
            {"profile_id": "ada", "name": "Ada", "max_age": None},
        ]
    }
    assert call(account_handlers.list_profiles, viewer="viewer-2").json == {"profiles": []}
    assert call(account_handlers.list_profiles, viewer=None).status == 403


def test_signing_out_everywhere_ends_what_plays_and_takes_back_the_refresh_tokens(published, call, play, monkeypatch):
    cognito = client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="viewers")["UserPool"]["Id"]
    app = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="page", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool, Username="ada")
    cognito.admin_set_user_password(UserPoolId=pool, Username="ada", Password="Popcorn-and-1", Permanent=True)
    signed_in = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=app,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": "Popcorn-and-1"},
    )["AuthenticationResult"]
    monkeypatch.setenv("USER_POOL_ID", pool)
    body = {"title_id": published.title_id, "device": {"id": "d-1"}}
    tv, phone, stranger = play("d-1"), play("d-2"), play("d-3", viewer="viewer-2")
    assert call(account_handlers.sign_out_everywhere, **{"cognito:username": "ada"}).status == 204
    assert tv() == phone() == (410, 410)
    assert stranger() == (204, 200)
    old, new = {"auth_time": "1000"}, {"auth_time": str(int(time.time()) + 1)}
    assert call(account_handlers.list_devices, **new).json["devices"] == []
    assert call(handlers.create_session, body=body, **old).status == 403
    for handler, path in (
        (account_handlers.list_devices, None),
        (account_handlers.sign_out_device, {"device_id": "d-1"}),
    ):
        refused = call(handler, path=path, **old)
        assert (refused.status, refused.json["reason"]) == (403, "signed-out")
    assert call(account_handlers.sign_out_device, path={"device_id": "d-1"}, **new).status == 404
    assert call(account_handlers.sign_out_everywhere, **{"cognito:username": "ada", **old}).status == 204
    with pytest.raises(cognito.exceptions.NotAuthorizedException):
        cognito.get_user(AccessToken=signed_in["AccessToken"])


def test_an_enforced_account_is_told_why(published, call):
    table = SecurityTable("security")
    blocked = Standing(stage=Stage.BLOCK, since=0, points=1e9, at=0, reasons=("other-households",))
    known = table.get("viewer-1")
    table.put_over(known, known.model_copy(update={"standing": blocked}))
    refused = call(handlers.create_session, body={"title_id": published.title_id})
    assert refused.status == 403
    assert (refused.json["stage"], refused.json["reasons"]) == ("challenge", ["other-households"])


def test_of_two_writers_the_second_is_told(aws):
    table = SecurityTable("security")
    known = table.get("viewer-1")
    assert table.put_over(known, known)
    assert not table.put_over(known, known.model_copy(update={"all_signed_out_at": 1}))
    assert table.put_over(table.get("viewer-1"), known)
