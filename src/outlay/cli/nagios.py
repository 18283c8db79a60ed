"""What Nagios, Icinga and their like read: ranges, performance data, one status line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

OK, WARNING, CRITICAL, UNKNOWN = range(4)
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
SERVICE = "COSTS"

_NUMBER = r"-?(?:\d+(?:\.\d*)?|\.\d+)"
_RANGE = re.compile(rf"(?P<inside>@)?(?:(?P<start>~|{_NUMBER})?(?P<colon>:))?(?P<end>{_NUMBER})?")


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers that are fine: from `start` (None: however small) to `end` (None: however large), both included.

    `inside`  the other way round: those are not
    """

    text: str
    start: Decimal | None
    end: Decimal | None
    inside: bool = False

    @classmethod
    def parse(cls, text: str) -> Range:
        """10 (0 to 10), 10: (from 10 on), ~:10 (up to 10), 10:20, @10:20. Raises ValueError."""
        found = _RANGE.fullmatch(text.strip())
        if not found or (found["end"] is None and (found["colon"] is None or found["start"] in {None, "~"})):
            raise ValueError(f"{text!r} is no range; write it as 1000, 10:, ~:1000, 10:1000 or @10:1000")
        start = None if found["start"] == "~" else Decimal(found["start"] or 0)
        end = None if found["end"] is None else Decimal(found["end"])
        if start is not None and end is not None and start > end:
            raise ValueError(f"{text!r} starts above its end")
        return cls(text.strip(), start, end, bool(found["inside"]))

    def alerts(self, value: Decimal) -> bool:
        """Whether a number is not fine."""
        within = (self.start is None or value >= self.start) and (self.end is None or value <= self.end)
        return within if self.inside else not within


def state(value: Decimal, warning: Range | None, critical: Range | None) -> int:
    """The worst that is so: OK, WARNING or CRITICAL."""
    if critical is not None and critical.alerts(value):
        return CRITICAL
    return WARNING if warning is not None and warning.alerts(value) else OK


def perfdata(label: str, value: Decimal, unit: str, warning: Range | None, critical: Range | None) -> str:
    """'label'=value[unit];warning;critical. Without the least and most there may be: credits make costs negative."""
    quoted = label.replace("'", "''").replace("=", "_")
    limits = (each.text if each else "" for each in (warning, critical))
    return f"'{quoted}'={value:f}{unit};{';'.join(limits)}"


def line(code: int, text: str, perf: str = "") -> str:
    """The status line. What would end the text, or the line, is taken out of it."""
    plain = " ".join(text.replace("|", "/").split())
    return f"{SERVICE} {STATES[code]} - {plain}{f' | {perf}' if perf else ''}"
