"""What one owner used and was invoiced for, month by month, put together from several answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from outlay.core.money import amount
from outlay.core.span import Period
from outlay.sources.heroku.answers import Record
from outlay.sources.heroku.api import Api, Owner, RefusedError
from outlay.sources.heroku.charges import Bill, Prices
from outlay.sources.heroku.invoices import PENDING, Invoice, invoices, together
from outlay.sources.heroku.usage import Use, daily, monthly, of_month, trued_up

SETTLING_DAYS = 10  # after a month's end, until Heroku has settled its usage
DAILY_DAYS = 150  # so long after a month's end Heroku is sure to tell its days: "six months"
MONTHLY_DAYS = 330  # and its sums: "twelve months"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what the settings say. `reports`: what Heroku has of teams. `left_out`: teams, by id or name."""

    source: str
    api: Api
    reports: frozenset[str]
    left_out: frozenset[str]
    prices: Prices
    today: date

    def has_invoices(self, owner: Owner) -> bool:
        """Whether this owner is asked for invoices: enterprise accounts have none."""
        return owner.kind == "account" or (owner.kind == "team" and "invoices" in self.reports)

    def has_usage(self, owner: Owner) -> bool:
        """Whether this owner is asked for usage: the key's own account has none."""
        return owner.kind == "enterprise account" or (owner.kind == "team" and "usage" in self.reports)

    def invoices(self, owner: Owner) -> list[Invoice]:
        """Every invoice, the newest first."""
        if not self.has_invoices(owner):
            return []
        return invoices(self.api.invoices(owner), cents=owner.kind == "team")

    def teams(self, owner: Owner, month: date) -> list[Record]:
        """What each team used in a month."""
        if not self.has_usage(owner):
            return []
        told = of_month(self.api.monthly(owner, month), month)
        if owner.kind == "team":
            return told
        teams = [team for record in told for team in record.records("teams")]
        return [team for team in teams if self.left_out.isdisjoint((team.text("id"), team.text("name")))]

    def bill(self, owner: Owner, month: Period) -> Bill:
        """Usage and invoice of a month."""
        # An invoice that still grows tells less of a month than its usage does, if there is any.
        final = [each for each in self.invoices(owner) if each.period.end <= self.today or not self.has_usage(owner)]
        invoice = together([each for each in final if each.month == month.start])
        settled = invoice.state != PENDING if invoice else self.today >= month.end + timedelta(days=SETTLING_DAYS)
        return Bill(
            source=self.source,
            owner=owner,
            month=month,
            uses=self._uses(owner, month, is_invoiced=invoice is not None),
            invoice=invoice,
            prices=replace(self.prices, dyno_unit=self._dyno_unit_usd(final, month)),
            provisional=month.end > self.today or not settled,
        )

    def _dyno_unit_usd(self, final: Sequence[Invoice], month: Period) -> Decimal | None:
        """The price of the settings, else that of the last invoice before this month with dynos on it."""
        if self.prices.dyno_unit is None:
            for each in final:
                if each.month < month.start and each.platform and each.dyno_units:
                    return amount(each.platform / each.dyno_units)
        return self.prices.dyno_unit

    def _uses(self, owner: Owner, month: Period, *, is_invoiced: bool) -> list[Use]:
        """Usage by day and, once the month is over, what the month has beyond its days."""
        if not self.has_usage(owner):
            return []
        days = self._days(owner, month)
        if month.end > self.today:
            return days
        try:
            return trued_up(days, monthly(self.api.monthly(owner, month.start), month.start, self.left_out))
        except RefusedError:
            if is_invoiced and self._is_older(month, MONTHLY_DAYS):
                return days
            raise

    def _days(self, owner: Owner, month: Period) -> list[Use]:
        last = min(month.end - timedelta(days=1), self.today)
        try:
            return daily(self.api.daily(owner, month.start, last), month, self.left_out)
        except RefusedError:
            if self._is_older(month, DAILY_DAYS):
                return []
            raise

    def _is_older(self, month: Period, days: int) -> bool:
        return (self.today - month.end).days > days
