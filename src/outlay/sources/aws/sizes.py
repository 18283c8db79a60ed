"""How many pages an answer takes: AWS does not say, so it is what the same question took before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from outlay.core.span import Period
from outlay.sources.aws.questions import Question

ENOUGH_DAYS = 28  # on one page, to take every run of days for one page


@dataclass(slots=True)
class Sizes:
    """The days that a page of each question held. Kept as long as the source's object is."""

    _days_per_page: dict[Question, Fraction] = field(default_factory=dict)

    def pages(self, question: Question, days: Period) -> int:
        """How many pages these days will take: one, unless they took more before."""
        per_page = self._days_per_page.get(question)
        return 1 if per_page is None else ceil(len(days) / per_page)

    def learn(self, question: Question, days: Period, pages: Sequence[int]) -> None:
        """Expect what these days took; `pages` has the days on each page.

        Pages of whole days hold as many as the first one, if that explains how many there were; others share the days.
        """
        if len(pages) > 1:
            whole = Fraction(pages[0])
            fits = whole and ceil(len(days) / whole) == len(pages)
            self._days_per_page[question] = whole if fits else Fraction(len(days), len(pages))
        elif len(days) >= ENOUGH_DAYS:
            self._days_per_page.pop(question, None)
