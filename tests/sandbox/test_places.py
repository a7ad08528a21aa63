"""A thousand devices at the same instant on one account: a DynamoDB that many connections use at once decides."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from types import SimpleNamespace
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from lambdas.common.media import Manifests, Tier
from lambdas.playback import sessions, store
from lambdas.playback.accounts import Plan, Plans
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
def tables(cloud):
    with pytest.MonkeyPatch.context() as patch:
        dynamodb = boto3.client(
            "dynamodb",
            endpoint_url=cloud.endpoint,
            region_name="us-east-1",
            aws_access_key_id="embedded",
            aws_secret_access_key="embedded",
            config=Config(max_pool_connections=AT_ONCE),
        )
        patch.setattr(store, "client", lambda _: dynamodb)
        names = {}
        for kind, key in (("sessions", "session_id"), ("leases", "viewer_id"), ("security", "viewer_id")):
            names[kind] = f"places-{kind}"
            dynamodb.create_table(
                TableName=names[kind],
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        yield SimpleNamespace(**names, leases_table=store.LeaseTable(names["leases"]))
        for name in names.values():
            dynamodb.delete_table(TableName=name)
        dynamodb.close()


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
