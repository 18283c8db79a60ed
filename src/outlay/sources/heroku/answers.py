"""What Heroku answers, field by field: a field that is missing or of another kind is an error that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from outlay.core.errors import BillError
from outlay.core.money import amount

LARGEST = 10**15  # so that no product of what is told outgrows 38 digits


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object. `place` is what errors call it. Fields we do not know are left alone."""

    place: str
    said: Mapping[str, Any]

    def has(self, name: str) -> bool:
        """Whether the field is there, with a value."""
        return self.said.get(name) is not None

    def text(self, name: str) -> str:
        """A text that is not empty."""
        found = self._value(name)
        if not isinstance(found, str) or not found:
            raise self.fault(name, "is no text")
        return found

    def number(self, name: str) -> Decimal:
        """A number below LARGEST, exact to 18 places."""
        found = self._value(name)
        if isinstance(found, bool) or not isinstance(found, int | Decimal):
            raise self.fault(name, "is no number")
        if not -LARGEST < found < LARGEST:
            raise self.fault(name, "is larger than anything Heroku bills")
        return amount(found)

    def whole(self, name: str) -> int:
        """A whole number."""
        found = self._value(name)
        if isinstance(found, bool) or not isinstance(found, int) or not -LARGEST < found < LARGEST:
            raise self.fault(name, "is no whole number")
        return found

    def day(self, name: str) -> date:
        """A day, written 2026-10-31."""
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise self.fault(name, "is no day such as 2026-10-31") from None

    def month(self, name: str) -> date:
        """The first day of a month, written 2026-10."""
        try:
            return date.fromisoformat(f"{self.text(name)}-01")
        except ValueError:
            raise self.fault(name, "is no month such as 2026-10") from None

    def records(self, name: str) -> list[Record]:
        """A list of objects."""
        return records(f"{self.place}, {name}", self._value(name))

    def fault(self, name: str, what: str) -> BillError:
        """The error that tells what is wrong with a field."""
        return BillError(f"{self.place}: {name} {what}: {str(self.said.get(name))[:80]!r}")

    def _value(self, name: str) -> Any:
        if name not in self.said:
            raise BillError(f"{self.place}: has no {name}; it has: {', '.join(sorted(self.said)) or 'nothing'}")
        return self.said[name]


def records(place: str, answer: Any) -> list[Record]:
    """The objects of a list. Raises BillError for anything else."""
    if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
        raise BillError(f"{place}: is no list of objects: {str(answer)[:80]!r}")
    return [Record(place, each) for each in answer]
