import random
from dataclasses import replace
from math import exp, inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.common.media import Priority
from lambdas.encoding.retries import RetryRules

pytest.importorskip("simpy", reason="needs requirements-sandbox.txt: the simulation")

from models.farm import (
    Demand,
    Farming,
    OverloadError,
    Result,
    erlang_c,
    fleet_of,
    host_usd_an_hour,
    mean_wait,
    simulate,
    spot_share_needed,
    titles_of,
    vcpus_needed,
    waits_longer,
)
from models.film import Film
from models.simulation import BATCH_ATTEMPTS, Farm, Fleet, Stage, Title
from stacks.settings import PRODUCTION

ENCODING = PRODUCTION.encoding
FEW = Farming(demand=Demand(titles_a_day=6, days=1, minutes=10), fleet=fleet_of(ENCODING, times=0.05))


def one_job(at_s, seconds, *, priority=Priority.LICENSED, chunks=1):
    return Title(arrives_s=at_s, priority=priority, stages=[Stage(pieces=[(chunks, seconds)])])


def run(fleet, *titles, rules=None):
    return Farm(fleet, titles, seed=1, rules=rules).run()


class TestErlang:
    def test_one_server_is_busy_as_often_as_it_is_loaded(self):
        assert erlang_c(load=0.7, servers=1) == pytest.approx(0.7)

    def test_two_servers_by_hand(self):
        # One erlang on two: p0 = 1/3, and who comes waits with probability 1/3; the mean wait is C / (2 - 1) = 1/3.
        assert erlang_c(load=1, servers=2) == pytest.approx(1 / 3)
        assert mean_wait(arrivals_a_second=1, service_s=1, servers=2) == pytest.approx(1 / 3)
        assert waits_longer(2, arrivals_a_second=1, service_s=1, servers=2) == pytest.approx(exp(-2) / 3)

    @given(load=st.floats(0.01, 50), servers=st.integers(1, 60))
    def test_more_servers_let_fewer_wait_and_too_few_are_refused(self, load, servers):
        if load >= servers:
            with pytest.raises(OverloadError, match=f"take {int(load) + 1} or more"):
                erlang_c(load=load, servers=servers)
        else:
            assert 0 <= erlang_c(load=load, servers=servers + 1) <= erlang_c(load=load, servers=servers) < 1

    def test_the_simulation_says_what_the_formula_says(self):
        servers, load, service_s, jobs = 4, 2.4, 100.0, 25_000
        each = {"arrivals_a_second": load / service_s, "service_s": service_s, "servers": servers}
        kept = Fleet(spot_hosts=servers, kept_hosts=servers, start_s=0, reclaims_an_hour=0, look_s=1e6)
        waits = []
        for seed in range(2):
            draw, at_s, titles = random.Random(seed), 0.0, []  # noqa: S311 - a model
            for _ in range(jobs):
                at_s += draw.expovariate(load / service_s)
                titles.append(one_job(at_s, draw.expovariate(1 / service_s)))
            waits += [wait for _, wait in run(kept, *titles).waits_s]
        # Neighbours wait alike, so that 50,000 of them say it to some parts in a hundred.
        assert sum(waits) / len(waits) == pytest.approx(mean_wait(**each), rel=0.08)
        assert sum(wait > 0 for wait in waits) / len(waits) == pytest.approx(
            erlang_c(load=load, servers=servers), rel=0.04
        )
        assert sum(wait > 60 for wait in waits) / len(waits) == pytest.approx(waits_longer(60, **each), rel=0.08)


class TestSimulation:
    def test_a_worked_example(self):
        # The farm looks each minute, a host starts in three: at 240 s the one host begins, two hours later it is done.
        stages = [Stage(pieces=[(1, 3600), (1, 3600)], then_s=60)]
        title = Title(arrives_s=0, priority=Priority.LICENSED, stages=stages)
        tally = run(Fleet(spot_hosts=1, reclaims_an_hour=0), title)
        assert [one.done_s for one in tally.processed] == [240 + 7200 + 60]
        assert [wait for _, wait in tally.waits_s] == [240, 240 + 3600]
        # It is paid for from its start at 60 s until the last title is done.
        assert tally.spot_hours == pytest.approx((7500 - 60) / 3600)
        assert (tally.busy_hours, tally.lost_hours, tally.on_demand_hours) == (2, 0, 0)

    def test_a_host_without_work_leaves_after_its_patience_and_a_kept_one_stays(self):
        titles = one_job(0, 100), one_job(7200, 100)
        assert run(Fleet(spot_hosts=1, reclaims_an_hour=0), *titles).spot_hours < 0.5
        assert run(Fleet(spot_hosts=1, kept_hosts=1, reclaims_an_hour=0), *titles).spot_hours > 2

    def test_originals_go_first_and_of_one_title_the_later_stage(self):
        fleet = Fleet(spot_hosts=1, reclaims_an_hour=0)
        tally = run(fleet, one_job(0, 1000), one_job(10, 1000), one_job(20, 1000, priority=Priority.ORIGINAL))
        assert [one.title.arrives_s for one in tally.processed] == [20, 0, 10]
        two = [Stage(pieces=[(1, 500)]), Stage(pieces=[(1, 500)])]
        titles = [Title(arrives_s=at_s, priority=Priority.LICENSED, stages=two) for at_s in (0, 1, 2)]
        # The second begins while the first's next stage is submitted; the third waits until both have ended.
        assert [one.done_s for one in run(fleet, *titles).processed] == [240 + 1500, 240 + 2000, 240 + 3000]

    def test_on_demand_begins_where_spot_is_full(self):
        jobs = [one_job(0, 3600) for _ in range(3)]
        tally = run(Fleet(spot_hosts=2, on_demand_hosts=5, reclaims_an_hour=0), *jobs)
        assert tally.most_hosts == 3
        assert tally.on_demand_hours == pytest.approx((180 + 3600) / 3600)

    def test_who_waits_for_more_jobs_starts_no_host_for_fewer(self):
        patient = Fleet(spot_hosts=5, reclaims_an_hour=0, scale_up_at_jobs=3)
        jobs = one_job(0, 10), one_job(0, 10), one_job(5000, 10)
        first, *_ = sorted(one.done_s for one in run(patient, *jobs).processed)
        assert first > 5000

    def test_a_reclaim_costs_half_a_chunk_on_average_and_never_what_was_done(self):
        rate, chunk_s = 0.5, 600.0
        titles = [one_job(0, chunk_s, chunks=50) for _ in range(200)]
        tally = run(Fleet(spot_hosts=200, reclaims_an_hour=rate), *titles)
        assert tally.busy_hours - tally.lost_hours == pytest.approx(200 * 50 * chunk_s / 3600)
        assert tally.lost_hours / tally.busy_hours == pytest.approx(rate * chunk_s / 3600 / 2, rel=0.1)

    def test_what_never_ends_on_spot_is_done_on_demand_and_without_any_fails_by_the_farms_rules(self):
        long = one_job(0, 40 * 3600)
        spot = Fleet(spot_hosts=1, reclaims_an_hour=2)
        [moved] = run(replace(spot, on_demand_hosts=1, spot_hosts=1), long).processed
        assert moved.done_s is not None
        tally = run(spot, long, rules=RetryRules(most_reclaimed=2, most_memory_mib=1))
        assert [one.hours for one in tally.processed] == [inf]
        assert tally.reclaims == 3 * BATCH_ATTEMPTS
        assert tally.lost_hours == tally.busy_hours

    @settings(max_examples=15)
    @given(
        jobs=st.lists(st.tuples(st.floats(0, 20_000), st.integers(1, 5), st.floats(10, 3000)), min_size=1, max_size=25),
        hosts=st.integers(1, 6),
        rate=st.sampled_from([0.0, 0.3]),
    )
    def test_work_is_conserved_and_more_hosts_are_never_later(self, jobs, hosts, rate):
        titles = [one_job(at_s, seconds, chunks=chunks) for at_s, chunks, seconds in jobs]
        tally = run(Fleet(spot_hosts=hosts, reclaims_an_hour=rate), *titles)
        assert len(tally.processed) == len(titles)
        asked = sum(chunks * seconds for _, chunks, seconds in jobs) / 3600
        assert tally.busy_hours - tally.lost_hours == pytest.approx(asked)
        assert tally.spot_hours + tally.on_demand_hours >= tally.busy_hours
        assert tally.most_hosts <= hosts
        if not rate:
            more = run(Fleet(spot_hosts=hosts * 2, reclaims_an_hour=0), *titles)
            assert max(one.done_s for one in more.processed) <= max(one.done_s for one in tally.processed) + 1e-6


class TestFarm:
    def test_the_same_seed_gives_the_same_and_another_something_else(self):
        assert simulate(FEW) == simulate(FEW) != simulate(replace(FEW, seed=1))

    def test_titles_take_what_the_planner_predicts_of_them(self):
        film = Film(minutes=10)
        exact = replace(FEW, demand=Demand(titles_a_day=0, backlog_titles=1, uhd_share=0, spread=1, minutes=10))
        [title] = titles_of(exact)
        large = [line for line in film.prediction(ENCODING).lines if line.vcpus == ENCODING.job_vcpus]
        expected = sum(line.vcpu_seconds for line in large) / ENCODING.job_vcpus
        assert sum(chunks * s for stage in title.stages for chunks, s in stage.pieces) == pytest.approx(expected)

    def test_a_host_costs_what_the_price_file_says(self):
        # Of c7g: 16 vCPU at 0.03625 USD, half of it on spot, and the disk at 0.003425 a vCPU.
        assert host_usd_an_hour(ENCODING, spot=False) == pytest.approx(16 * (0.03625 + 0.003425))
        assert host_usd_an_hour(ENCODING, spot=True) == pytest.approx(16 * (0.03625 / 2 + 0.003425))

    def test_a_result_counts_titles_and_hours(self):
        tally = run(Fleet(spot_hosts=9, reclaims_an_hour=0), one_job(0, 3360), one_job(0, 3360 + 3600))
        result = Result(tally=tally, usd=10, sla_hours=1)
        assert (result.sla_share, result.within(2), result.usd_a_title) == (0.5, 1, 5)
        assert (result.percentile(0.5), result.percentile(1), result.cleared_hours) == (1, 2, 2)
        assert result.waited(1) == 4
        assert result.within(1, priority=Priority.ORIGINAL) == 1

    def test_degraded_mode_takes_less_and_the_demand_is_linear(self):
        demand = Demand()
        assert vcpus_needed(demand, degraded=True) < vcpus_needed(demand)
        assert vcpus_needed(replace(demand, titles_a_day=200)) == pytest.approx(2 * vcpus_needed(demand))
        # A title an hour of 24 vCPU-hours keeps 24 vCPU at work.
        hours = Film(minutes=10).prediction(ENCODING).vcpu_seconds / 3600
        assert vcpus_needed(Demand(titles_a_day=24, minutes=10, uhd_share=0)) == pytest.approx(hours)

    def test_a_saving_takes_less_spot_the_cheaper_that_is(self):
        assert spot_share_needed(saving=0.3, discount=0.6) == pytest.approx(0.5)
        assert spot_share_needed(saving=0.3, discount=0) == inf
