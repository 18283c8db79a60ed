"""Bill: what one month bills, as Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from outlay.core import focus
from outlay.core.span import Period, next_month
from outlay.sources.demo import incidents
from outlay.sources.demo.charges import Charge, Layout
from outlay.sources.demo.company import BY_PROVIDER

if TYPE_CHECKING:
    import pyarrow as pa

PROVISIONAL_DAYS = 2


@dataclass(frozen=True, slots=True)
class Bill:
    """What `source` is billed in `month` (whole), as known when `until` begins."""

    source: str
    layout: Layout
    month: Period
    until: date

    def of_day(self, day: date, usual: Sequence[int]) -> pa.RecordBatch:
        """What is charged on a day, for the usage of each line before anything went wrong."""
        import pyarrow as pa

        usage = incidents.quantities(self.layout.lines, usual, day, self.until)
        counts = self.layout.quantities(usage)
        quantities = pa.array(counts, pa.int64())
        filled = {
            "source": self.source,
            "charge_date": day,
            **periods(day, day + timedelta(days=1), self.month),
            **{name: _numbers(quantities, factor) for name, factor in self.layout.factors.items()},
            **self._by_row(day),
        }
        charged = zip(self.layout.charges, counts, strict=True)
        mine = [count > 0 and _billing_month(charge, day) == self.month.start for charge, count in charged]
        return _fill(self.layout.batch, filled).filter(pa.array(mine))

    def _by_row(self, day: date) -> dict[str, list[Any]]:
        providers: list[str] = self.layout.batch.column("provider").to_pylist()
        invoices = {provider: invoice(provider, self.month) for provider in set(providers)}
        recent = day >= self.until - timedelta(days=PROVISIONAL_DAYS)
        filled: dict[str, list[Any]] = {
            "invoice_id": [invoices[provider] for provider in providers],
            "provisional": [recent and BY_PROVIDER[provider].estimates for provider in providers],
        }
        if any(incident.tags_lost for incident, _ in incidents.active(day, self.until)):
            lines = [charge.line for charge in self.layout.charges]
            filled["tags"] = [list(tags.items()) for tags in incidents.tags(lines, day, self.until)]
        return filled


def periods(start: date, end: date, month: Period) -> dict[str, datetime]:
    """The four period bounds of something charged from `start` to `end` and billed in `month`."""
    return {
        "charge_period_start": _midnight(start),
        "charge_period_end": _midnight(end),
        "billing_period_start": _midnight(month.start),
        "billing_period_end": _midnight(next_month(month.start)),
    }


def invoice(provider: str, month: Period) -> str:
    """The number of a provider's invoice for a month."""
    return f"{provider.upper()}-{month.start:%Y%m}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _billing_month(charge: Charge, day: date) -> date:
    """Late meters bill what is used on the last day of a month in the next one."""
    late = charge.line is not None and charge.line.meter.trait == "late"
    return (day + timedelta(days=1) if late else day).replace(day=1)


def _fill(batch: pa.RecordBatch, filled: Mapping[str, Any]) -> pa.RecordBatch:
    """The batch with columns replaced: by a list or array of values, or by one value for every row."""
    import pyarrow as pa

    columns = batch.columns
    for name, value in filled.items():
        i = batch.schema.get_field_index(name)
        kind = batch.schema.field(i).type
        each = isinstance(value, list | pa.Array)
        columns[i] = pa.array(value, kind) if each else pa.repeat(pa.scalar(value, kind), batch.num_rows)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _numbers(quantities: pa.Array, factors: pa.Array) -> pa.Array:
    """Quantities in 1/10 000 times millionths: exact decimals of ten places, in whole units."""
    import pyarrow as pa
    import pyarrow.compute as pc

    product = pc.multiply_checked(quantities, factors).cast(pa.decimal128(19, 0))
    whole = pc.multiply(product, pa.scalar(Decimal("1E-10"), pa.decimal128(10, 10)))
    return whole.cast(focus.arrow_type("decimal"))
