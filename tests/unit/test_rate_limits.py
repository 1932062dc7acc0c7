"""Buckets that fill up again, in memory; those in Redis take the same examination in test_shared_limits.py."""

import pytest

from infrastructure import limits
from infrastructure.limits import Limit, LocalLimits, per_minute

THREE = Limit("three", 3, 10)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr("infrastructure.limits.time.monotonic", lambda: now[0])
    return now


def test_so_many_at_once_and_then_one_each_so_many_seconds(clock: list[float]) -> None:
    local = LocalLimits()
    left = []
    for _ in range(3):
        taken = local.take((THREE, "ann"))
        assert taken.wait_s == 0
        left.append(taken.left(THREE))
    assert left == [2, 1, 0]
    assert local.take((THREE, "ann")).wait_s == pytest.approx(10)
    assert local.take((THREE, "bob")).wait_s == 0
    clock[0] += 9.9
    assert local.take((THREE, "ann")).wait_s == pytest.approx(0.1)
    clock[0] += 0.2
    assert local.take((THREE, "ann")).wait_s == 0
    assert local.take((THREE, "ann")).wait_s == pytest.approx(9.9)
    clock[0] += 100
    assert local.take((THREE, "ann")).left(THREE) == 2


def test_of_several_limits_all_are_taken_from_or_none(clock: list[float]) -> None:
    local, one = LocalLimits(), Limit("one", 1, 60)
    assert local.take((one, "x"), (THREE, "y")).wait_s == 0
    assert local.take((one, "x"), (THREE, "y")).wait_s == pytest.approx(60)
    assert local.take((THREE, "y")).left(THREE) == 1


def test_looking_takes_nothing(clock: list[float]) -> None:
    local = LocalLimits()
    assert [local.seen(THREE, "ann").left(THREE) for _ in range(5)] == [3] * 5
    local.take((THREE, "ann"))
    assert [local.seen(THREE, "ann").left(THREE) for _ in range(5)] == [2] * 5
    clock[0] += 100
    assert local.seen(THREE, "ann") == (0.0, (0.0,))


def test_what_is_given_back_does_not_count(clock: list[float]) -> None:
    local = LocalLimits()
    for _ in range(10):
        assert local.take((THREE, "ann")).wait_s == 0
        local.give_back((THREE, "ann"))


def test_few_keys_are_remembered(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEYS_KEPT", 2)
    local = LocalLimits()
    for key in "abc":
        local.take((Limit("one", 1, 60), key))
    assert len(local._full_at) == 2
    assert local.take((Limit("one", 1, 60), "c")).wait_s > 0


def test_a_limit_per_minute_has_the_minute_as_its_window() -> None:
    assert [per_minute("x", times).window_s for times in (1, 7, 60, 600)] == [60] * 4
