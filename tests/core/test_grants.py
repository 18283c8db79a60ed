"""What keys may be made with, and which limits are within which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from outlay.core.errors import UsageError
from outlay.core.grants import checked_limits, exact, hidden, moment, named, parsed_limits, within
from outlay.core.limits import EVERYTHING, limits_of

NOW = datetime(2026, 11, 21, 17, 20, tzinfo=UTC)


def test_names() -> None:
    assert named("  two words ") == "two words"
    for wrong in ("", "\t", "a\nb", "\x1b[31m", "x" * 101, "\ud800"):
        with pytest.raises(UsageError, match="--name"):
            named(wrong)


def test_limits_are_written_by_value() -> None:
    written = ("source=aws", "tag:team=a=b", "source=gcp")
    assert parsed_limits(written) == {"source": ["aws", "gcp"], "tag:team": ["a=b"]}


@pytest.mark.parametrize("limits", [{"service": ["x"]}, {"source": []}, {"source": [""]}, {"tag:a\0": ["x"]}])
def test_limits_that_cannot_be(limits: dict[str, list[str]]) -> None:
    with pytest.raises(UsageError, match="limit"):
        checked_limits(limits)


def test_when_keys_expire() -> None:
    assert moment("90d", NOW) == NOW + timedelta(days=90)
    assert moment("12h", NOW) == NOW + timedelta(hours=12)
    assert moment("8w", NOW) == NOW + timedelta(weeks=8)
    assert moment("1y", NOW) == NOW + timedelta(days=365)
    assert moment("2026-11-21", NOW) == datetime(2026, 11, 22, tzinfo=UTC)
    with pytest.raises(UsageError):
        moment("2026-11-20", NOW)


def test_moments() -> None:
    expected = datetime(2027, 1, 31, 12, tzinfo=UTC)
    assert exact("2027-01-31T12:00:00Z", NOW, "at") == exact("2027-01-31T14:00:00+02:00", NOW, "at") == expected
    assert exact("2026-11-21T17:20:00.5Z", NOW, "at") > NOW
    for wrong in (
        "2027-01-31",
        "2027-01-31T12:00:00",
        "2026-W01-1T00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-11-21T17:20:00Z",
    ):
        with pytest.raises(UsageError, match=r"^at "):
            exact(wrong, NOW, "at")


CORE = {"tag:team": ["core"]}
BOTH = {"source": ["aws", "gcp"]}


@pytest.mark.parametrize(
    ("limits", "others", "expected"),
    [
        ({}, {}, True),
        (CORE, {}, True),
        ({}, CORE, False),
        (BOTH, {"source": ["aws"]}, False),
        ({"source": ["aws"]}, BOTH, True),
        ({"source": []}, BOTH, True),
        (BOTH, {"source": []}, False),
        (CORE | BOTH, CORE, True),
        (CORE, CORE | BOTH, False),
        ({"tag:TEAM": ["core"]}, CORE, False),
        ({"sub_account": ["1"]}, {"account": ["1", "2"]}, True),
        ({"account": ["1"], "sub_account": ["3"]}, {"account": ["1", "2"]}, True),
    ],
)
def test_which_limits_are_within_which(
    limits: dict[str, list[str]], others: dict[str, list[str]], expected: bool
) -> None:
    assert within(limits_of(limits), limits_of(others)) is expected
    assert within(limits_of(limits), EVERYTHING)


def test_of_a_key_only_the_id_is_left() -> None:
    key = "outlay_5f0c3a2e9d1b_" + "aB-_" * 11
    assert hidden(f"no {key[:-1]!r}, {key}.") == "no 'outlay_5f0c3a2e9d1b_...', outlay_5f0c3a2e9d1b_...."
    assert hidden("outlay_x and 5f0c3a2e9d1b_y") == "outlay_x and 5f0c3a2e9d1b_y"
