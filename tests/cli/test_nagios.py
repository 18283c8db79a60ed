"""Ranges as the plugin guidelines have them, performance data, the status line."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlay.cli import nagios
from outlay.cli.nagios import Range


@pytest.mark.parametrize(
    ("text", "fine", "bad"),
    [
        ("10", ["0", "5", "10"], ["-0.01", "10.01"]),
        ("10:", ["10", "99999"], ["9.99", "-1"]),
        ("~:10", ["-99999", "10"], ["10.01"]),
        ("10:20", ["10", "20"], ["9.99", "20.01"]),
        ("@10:20", ["9.99", "20.01"], ["10", "15", "20"]),
        (":10", ["0", "10"], ["-1", "11"]),
        ("-5:5", ["-5", "0", "5"], ["-6", "6"]),
        ("@~:0", ["0.01"], ["0", "-9"]),
        ("0.5", ["0.5"], ["0.51"]),
        (" 10 ", ["10"], ["11"]),
    ],
)
def test_ranges(text: str, fine: list[str], bad: list[str]) -> None:
    found = Range.parse(text)
    assert [each for each in fine if found.alerts(Decimal(each))] == []
    assert [each for each in bad if not found.alerts(Decimal(each))] == []


@pytest.mark.parametrize("text", ["", "@", ":", "~:", "~", "x", "1,000", "10:5", "1:2:3", "10 USD", "1e3", "nan", "@:"])
def test_no_ranges(text: str) -> None:
    with pytest.raises(ValueError, match=r"range|above"):
        Range.parse(text)


@given(st.decimals(-100, 100, places=2), st.decimals(-100, 100, places=2), st.decimals(-100, 100, places=2))
def test_at_is_the_other_way_round(start: Decimal, end: Decimal, value: Decimal) -> None:
    start, end = min(start, end), max(start, end)
    text = f"{start:f}:{end:f}"
    assert Range.parse(text).alerts(value) != Range.parse(f"@{text}").alerts(value)


def test_the_worst_counts() -> None:
    warning, critical = Range.parse("10"), Range.parse("20")
    states = [nagios.state(Decimal(each), warning, critical) for each in (10, 11, 20, 21)]
    assert states == [nagios.OK, nagios.WARNING, nagios.WARNING, nagios.CRITICAL]
    assert nagios.state(Decimal(99), None, None) == nagios.OK


def test_performance_data() -> None:
    warning, critical = Range.parse("1000"), Range.parse("~:2000")
    assert nagios.perfdata("cost", Decimal("123.45"), "USD", warning, critical) == "'cost'=123.45USD;1000;~:2000"
    assert nagios.perfdata("cost", Decimal("-1"), "EUR", None, None) == "'cost'=-1EUR;;"
    assert nagios.perfdata("it's=", Decimal(0), "", None, None).startswith("'it''s_'=0;")


def test_the_line_is_one() -> None:
    assert nagios.line(3, "no|\nsuch\tthing") == "COSTS UNKNOWN - no/ such thing"
