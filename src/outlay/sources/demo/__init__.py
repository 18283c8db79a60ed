"""The demo source: bills of an invented company, made up on the spot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from outlay.core.span import Period, Span, Window, next_month
from outlay.sources.demo.incidents import INCIDENTS, REACH_DAYS, Incident

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["INCIDENTS", "Demo", "Incident"]

GENERATOR = 1  # one more whenever the same settings come to give other rows: stores then read them again


class Demo(BaseModel):
    """Generated bills to try Outlay on: five clouds, 40 sub accounts, two currencies, six incidents to find.

    `seed`    another seed, another company's amounts
    `months`  how many months, the last of them cut short by `until`
    `until`   the first day there is nothing for; today (UTC) when left out

    What is usual depends on the seed and the day alone. The incidents, and which days are provisional, go by
    `until`, so that there is always something recent to find. No credentials, no network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "demo"
    seed: int = 7
    months: int = Field(default=13, ge=1, le=120)
    until: date | None = Field(default=None, ge=date(2000, 1, 1), le=date(2100, 1, 1))

    def spans(self, window: Window) -> Iterable[Span]:
        """One span for each month billed, newest first; of the asked months only, if days were asked for."""
        until = self._until()
        for month in self._covered(until).each_month():
            if not window.asked or (month.start < window.days.end and window.days.start < month.end):
                yield Span(self.name, month, version=self._version(month, until))

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """Yield one batch for each month of the span."""
        until = self._until()
        covered = self._covered(until)
        for month in span.months.each_month():
            if month.start in covered:
                yield self._bill(month, until)

    def test(self) -> str:
        """Say what there is; nothing can fail."""
        last = self._until() - timedelta(days=1)
        return f"generated data, seed {self.seed}, {self.months} months up to {last}"

    def _until(self) -> date:
        return self.until or datetime.now(UTC).date()

    def _covered(self, until: date) -> Period:
        """The whole billing months there are."""
        end = next_month(until - timedelta(days=1))
        number = end.year * 12 + end.month - 1 - self.months
        return Period(date(number // 12, number % 12 + 1, 1), end)

    def _version(self, month: Period, until: date) -> str:
        """What decides the month's rows: `until` only where incidents reach, so older months stay."""
        settled = month.end <= until - timedelta(days=REACH_DAYS)
        return f"demo {GENERATOR} seed={self.seed} until={'settled' if settled else until}"

    def _bill(self, month: Period, until: date) -> pa.RecordBatch:
        """What the month bills: its days, what the last day before it left for it, and the rest."""
        import pyarrow as pa

        from outlay.core import focus
        from outlay.sources.demo import monthly
        from outlay.sources.demo.bill import Bill
        from outlay.sources.demo.charges import layout

        plan = layout(self.seed)
        bill = Bill(self.name, plan, month, until)
        eve = month.start - timedelta(days=1)
        usual = {day: plan.usual(day) for day in (eve, *month.each_day())}
        days = [bill.of_day(day, usage) for day, usage in usual.items() if day < until]
        rest = monthly.rows(plan, month, (usual[day] for day in month.each_day()))
        known = [row | {"source": self.name} for row in rest if row["charge_period_start"].date() < until]
        return pa.concat_batches([*days, focus.batch(known)])
