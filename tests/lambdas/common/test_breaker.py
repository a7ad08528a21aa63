from lambdas.common.breaker import Breaker


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def breaker_and_clock():
    clock = Clock()
    return Breaker(failures=2, pause_s=5, longest_pause_s=20, clock=clock), clock


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not():
    breaker, _ = breaker_and_clock()
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.allows
    breaker.failed()
    assert not breaker.allows


def test_each_failed_trial_doubles_the_pause_up_to_the_longest():
    breaker, clock = breaker_and_clock()
    breaker.failed()
    breaker.failed()
    for pause in (5, 10, 20, 20):
        clock.now += pause - 0.1
        assert not breaker.allows
        clock.now += 0.1
        assert breaker.allows
        breaker.failed()


def test_a_trial_that_succeeds_closes_it_and_the_first_pause_is_the_first_again():
    breaker, clock = breaker_and_clock()
    for _ in range(4):
        clock.now += 100
        breaker.failed()
    clock.now += 100
    breaker.succeeded()
    breaker.failed()
    breaker.failed()
    clock.now += 5
    assert breaker.allows
