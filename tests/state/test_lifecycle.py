"""The life of an alert, whatever happens: told once, escalated once, resolved once, and only after it was told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.state.lifecycle import Standing, Step, step

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WARNED = Standing("warning", NOW - HOUR)


@pytest.mark.parametrize(
    ("standing", "severity", "expected"),
    [
        (None, None, Step.NONE),
        (None, "warning", Step.FIRE),
        (None, "critical", Step.FIRE),
        (WARNED, "warning", Step.HOLD),
        (WARNED, "critical", Step.ESCALATE),
        (WARNED, None, Step.RESOLVE),
        (Standing("critical", NOW - HOUR), "warning", Step.HOLD),
        (Standing("critical", NOW - DAY), "warning", Step.REPEAT),
        (Standing("warning", NOW - DAY), "warning", Step.REPEAT),
        (Standing("warning", NOW - DAY, acked=True), "warning", Step.HOLD),
        (Standing("warning", NOW - DAY, acked=True), "critical", Step.ESCALATE),
        (Standing("warning", NOW - DAY, acked=True), None, Step.RESOLVE),
        (Standing(), "warning", Step.FIRE),  # it was silenced until now
        (Standing(), None, Step.CLOSE),
    ],
)
def test_each_step(standing: Standing | None, severity: str | None, expected: Step) -> None:
    assert step(standing, severity, NOW, DAY) == expected


def test_a_repeat_of_0_is_never() -> None:
    assert step(Standing("warning", NOW - 400 * DAY), "warning", NOW, timedelta()) is Step.HOLD


@pytest.mark.parametrize("severity", ["warning", "critical", None])
@pytest.mark.parametrize("standing", [None, WARNED, Standing()])
def test_nothing_is_told_while_silenced(standing: Standing | None, severity: str | None) -> None:
    assert not step(standing, severity, NOW, DAY, silenced=True).tells


MOMENTS = st.lists(
    st.tuples(
        st.sampled_from([None, "warning", "critical"]),
        st.booleans(),  # silenced
        st.booleans(),  # somebody takes it on afterwards
        st.integers(1, 60),  # hours that pass
    )
)


@given(MOMENTS)
def test_whatever_happens_each_thing_is_told_once(moments: list[tuple[str | None, bool, bool, int]]) -> None:
    standing: Standing | None = None
    now = NOW
    lives: list[list[str]] = [[]]  # what was told of each life of the alert
    for severity, silenced, acks, hours in moments:
        now += hours * HOUR
        took = step(standing, severity, now, DAY, silenced=silenced)
        assert not (took.tells and silenced)
        if took.tells:
            lives[-1].append(f"{took} {severity}")
        if took is Step.REPEAT:
            assert standing is not None
            assert not standing.acked
            assert standing.told_at is not None
            assert now - standing.told_at >= DAY
        if severity is None:
            standing = None
            lives.append([])
            continue
        standing = standing or Standing()
        if took in {Step.FIRE, Step.ESCALATE}:
            standing = Standing(severity, now)
        elif took is Step.REPEAT:
            standing = Standing(standing.told, now, standing.acked)
        if acks:
            standing = Standing(standing.told, standing.told_at, acked=True)
    for told in lives:
        first = [each for each in told if not each.startswith("repeat")]
        assert first in (
            [],
            ["fire warning"],
            ["fire critical"],
            ["fire warning", "resolve None"],
            ["fire critical", "resolve None"],
            ["fire warning", "escalate critical"],
            ["fire warning", "escalate critical", "resolve None"],
        )
        assert not told or told[0].startswith("fire")
