"""What many ask at the same instant: a DynamoDB of many connections decides. Moto in a process does not."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from types import SimpleNamespace
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from lambdas.common.media import Manifests, Tier
from lambdas.playback import device_grant, device_grant_store, sessions, store
from lambdas.playback.accounts import Plan, Plans
from lambdas.playback.device_grant import Status
from lambdas.playback.leases import Outcome, StreamLimitError
from lambdas.playback.models import Device, Session

pytestmark = pytest.mark.embedded

ATTEMPTS, AT_ONCE, LIMIT = 1000, 32, 2
TERMS = sessions.Terms(
    plans=Plans(
        plans=(Plan(name="standard", streams=LIMIT, top_tier=Tier.HD),),
        default_plan="standard",
        default_territory="US",
    ),
    ttl_s=3600,
    lease_s=75,
    heartbeat_s=30,
)


@pytest.fixture(scope="module")
def dynamodb(cloud):
    with pytest.MonkeyPatch.context() as patch:
        client = boto3.client(
            "dynamodb",
            endpoint_url=cloud.endpoint,
            region_name="us-east-1",
            aws_access_key_id="embedded",
            aws_secret_access_key="embedded",
            config=Config(max_pool_connections=AT_ONCE),
        )
        for module in (store, device_grant_store):
            patch.setattr(module, "client", lambda _: client)
        yield client
        client.close()


@pytest.fixture(scope="module")
def table(dynamodb):
    """Make a table, by its name and its key; it is gone with the module."""
    made = []

    def table(name, key):
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        made.append(name)
        return name

    yield table
    for name in made:
        dynamodb.delete_table(TableName=name)


@pytest.fixture(scope="module")
def tables(table):
    kinds = {"sessions": "session_id", "leases": "viewer_id", "security": "viewer_id"}
    names = {kind: table(f"places-{kind}", key) for kind, key in kinds.items()}
    return SimpleNamespace(**names, leases_table=store.LeaseTable(names["leases"]))


def look_at(tables, viewer_id):
    return store.leases_and_security(viewer_id=viewer_id, leases=tables.leases, security=tables.security)


@pytest.fixture
def attempt(tables):
    """One device's attempt, as `create_session` makes it; returns its session, or none if it is refused."""
    viewer_id = uuid4().hex

    def attempt(device=None):
        noted = []

        def look():
            held, known = look_at(tables, viewer_id)
            noted.append(store.Noted(table=tables.security, known=known, security=known))
            return held

        now = int(datetime.now(UTC).timestamp())
        session = Session(
            session_id=uuid4().hex, viewer_id=viewer_id, title_id="t", version_id="v",
            manifests=Manifests(dash="d", hls="h"), leased=True, created_at=now, expires_at=now + TERMS.ttl_s,
        )  # fmt: skip
        try:
            outcome = sessions.open_session(
                session,
                lease=sessions.lease_of(session, device=Device(id=device), terms=TERMS),
                held=look(),
                streams=LIMIT,
                write=lambda claim: tables.leases_table.open(
                    session, claim=claim, noted=noted[-1], sessions_table=tables.sessions
                ),
                read=look,
                pause=lambda _: None,
            )
        except StreamLimitError:
            return None
        assert outcome is Outcome.OPENED
        return session

    return SimpleNamespace(run=attempt, viewer_id=viewer_id)


def at_once(attempts, act):
    """Run `act` so many times, `AT_ONCE` at the same time; the first of them start together."""
    gate = Barrier(min(attempts, AT_ONCE))

    def run(number):
        if number < gate.parties:
            gate.wait(timeout=30)
        return act()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(attempts)))


def test_of_a_thousand_attempts_on_two_places_two_succeed(tables, attempt):
    opened = {session.session_id for session in at_once(ATTEMPTS, attempt.run) if session}

    assert len(opened) == LIMIT
    assert set(look_at(tables, attempt.viewer_id)[0]) == opened


def test_a_place_that_is_free_is_always_taken_and_never_twice(tables, attempt):
    for _ in range(4):
        last = attempt.run()
        freed = attempt.run()
        tables.leases_table.release(viewer_id=attempt.viewer_id, session_id=freed.session_id)

        opened = [session for session in at_once(6, attempt.run) if session]

        assert len(opened) == 1
        for session in (last, *opened):
            assert tables.leases_table.release(viewer_id=attempt.viewer_id, session_id=session.session_id)


def test_one_device_that_asks_several_times_at_once_has_one_place(tables, attempt):
    assert all(at_once(4, lambda: attempt.run("tv-1")))

    assert len(look_at(tables, attempt.viewer_id)[0]) == 1


def test_a_device_code_that_is_used_by_many_at_once_is_good_once(table):
    now = int(datetime.now(UTC).timestamp())
    grants = device_grant_store.DeviceGrants(table("device-grants", "code_id"))
    issued = device_grant.issue(device="Living room", now=now)
    assert grants.add(issued.grant, now=now)
    grants.decide(issued.user_code, status=Status.APPROVED, username="user-1", now=now)

    won = at_once(AT_ONCE, lambda: grants.redeem(issued.device_code, username="user-1", now=now))

    assert won.count(True) == 1
