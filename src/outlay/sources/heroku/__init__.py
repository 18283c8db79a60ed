"""Heroku by its Platform API: usage per day, team, app and kind, made to agree with the invoice once there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from outlay.core.errors import SourceError
from outlay.core.focus import batch
from outlay.core.ledger import Tally
from outlay.core.span import Period, Span, Window, month_of, next_month
from outlay.sources._http import Http
from outlay.sources.heroku.api import ACCEPT, Api, Kept, Owner
from outlay.sources.heroku.charges import Prices, rows
from outlay.sources.heroku.reader import Reader
from outlay.sources.heroku.readings import of_invoices, of_usage, previous_month

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.core.ports import Ledger
    from outlay.core.reading import Reading

EXACT = Context(prec=80)  # products of two amounts of 38 digits fit


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


Names = Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")], ...], AfterValidator(_once)]


class Heroku(BaseModel):
    """Teams, enterprise accounts and the key's own account, as the Heroku Platform API tells them. Asking is free.

    `api_key`              a key of scope `read` or `global`
    `teams`                by name or id: usage and invoices
    `enterprise_accounts`  by name or id: usage of all their teams; they have no invoices
    `account`              also read the invoices of the key's own account; done anyway where nothing else is named
    `reports`              what to ask of teams: leave out what Heroku does not have of them
    `exclude_teams`        of the enterprise accounts, by name or id; those in `teams` are left out anyway
    `addon_credit_usd`     what one add-on credit costs
    `dyno_unit_usd`        what a dyno unit costs for a month, where there is no invoice to tell
    `space_unit_usd`       what a space unit costs for a month, likewise
    `attempts`             per request
    `timeout`              seconds without a byte after which an attempt has failed

    Months are read whole, and the one before this month again with it, as that is when its invoice comes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    ENVIRONMENT: ClassVar[dict[str, str]] = {"HEROKU_API_KEY": "api_key", "HEROKU_TEAM_ID": "teams"}
    SWITCH: ClassVar[tuple[str, ...]] = ("HEROKU_API_KEY",)

    name: str = "heroku"
    api_key: SecretStr
    teams: Names = ()
    enterprise_accounts: Names = ()
    account: bool = False
    reports: Annotated[frozenset[Literal["usage", "invoices"]], Field(min_length=1)] = frozenset({"usage", "invoices"})
    exclude_teams: Names = ()
    addon_credit_usd: Annotated[Decimal, Field(ge=0)] = Decimal(1)
    dyno_unit_usd: Annotated[Decimal, Field(ge=0)] | None = None
    space_unit_usd: Annotated[Decimal, Field(ge=0)] | None = None
    endpoint_url: str = "https://api.heroku.com"
    attempts: Annotated[int, Field(ge=1)] = 3
    timeout: Annotated[float, Field(gt=0)] = 60.0

    _ledger: Ledger = PrivateAttr(default_factory=Tally)
    _kept: Kept = PrivateAttr(default_factory=dict)

    def with_ledger(self, ledger: Ledger) -> Heroku:
        """The same source, which books its calls, all free, with `ledger`."""
        copy = self.model_copy()
        copy._ledger = ledger
        return copy

    def each(self) -> Sequence[Heroku]:
        """One source for each team and enterprise account, so that one that fails leaves the others fresh.

        The key's own account goes with the first of them.
        """
        several = [("teams", team) for team in self.teams]
        several += [("enterprise_accounts", account) for account in self.enterprise_accounts]
        if len(several) < 2:
            return (self,)
        return [
            self.model_copy(
                update={
                    "name": f"{self.name}.{named.lower()}",
                    "teams": (named,) if field == "teams" else (),
                    "enterprise_accounts": (named,) if field == "enterprise_accounts" else (),
                    "exclude_teams": (*self.exclude_teams, *self.teams),
                    "account": self.account and index == 0,
                }
            )
            for index, (field, named) in enumerate(several)
        ]

    def spans(self, window: Window) -> Iterator[Span]:
        """The months of the window, whole; unless days were asked for, the month before this one with it.

        Raises SourceError when no day of the window has come yet.
        """
        today = _today()
        if window.days.start > today:
            raise SourceError(f"{self.name}: today is {today}, and none of {window.days} has come yet")
        months = Period(window.days.start, min(window.days.end, next_month(today))).months()
        if not window.asked and months.end > month_of(today):
            months = Period(min(months.start, previous_month(today)), months.end)
        return (Span(self.name, month) for month in months.each_month())

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """One batch for each owner and month. Raises AuthError, BillError and other kinds of SourceError."""
        with self._reader() as reader:
            for month in span.months.each_month():
                for owner in self._owners():
                    with reader.api.together("bill", owner, month, _today()), localcontext(EXACT):
                        found = rows(reader.bill(owner, month))
                    if found:
                        yield batch(found)

    def read(self, day: date) -> Iterator[Reading]:
        """The current invoice and the one before; usage of the month of `day` and of the month before."""
        months = {"current": month_of(day), "previous": previous_month(day)}
        with self._reader() as reader:
            for owner in self._owners():
                with reader.api.together("readings", owner, day, _today()), localcontext(EXACT):
                    found = [*of_invoices(owner.named or "own", reader.invoices(owner), day)]
                    for which, month in months.items():
                        found += of_usage(which, month, reader.teams(owner, month), self.addon_credit_usd)
                yield from found

    def test(self) -> str:
        """Ask for what collecting asks for, of this month: it takes the same roles."""
        with self._reader() as reader:
            return "; ".join(f"{owner}: {_tried(reader, owner)}" for owner in self._owners())

    def _owners(self) -> list[Owner]:
        found = [Owner("team", each) for each in self.teams]
        found += [Owner("enterprise account", each) for each in self.enterprise_accounts]
        return [*found, Owner("account")] if self.account or not found else found

    @contextmanager
    def _reader(self) -> Iterator[Reader]:
        key = self.api_key.get_secret_value()
        http = Http(
            place=f"{self.name}: the Heroku Platform API",
            base_url=self.endpoint_url,
            headers={"Accept": ACCEPT, "Authorization": f"Bearer {key}"},
            attempts=self.attempts,
            timeout=self.timeout,
            needs="check api_key (HEROKU_API_KEY) and what its user may see",
            secrets=(key,),
        )
        with closing(Api(http, self._ledger, self._kept)) as api:
            yield Reader(
                source=self.name,
                api=api,
                reports=self.reports,
                left_out=frozenset((*self.exclude_teams, *self.teams)),
                prices=Prices(self.addon_credit_usd, self.dyno_unit_usd, self.space_unit_usd),
                today=_today(),
            )


def _tried(reader: Reader, owner: Owner) -> str:
    parts = []
    if reader.has_invoices(owner):
        parts.append(f"{len(reader.invoices(owner))} invoices")
    if reader.has_usage(owner):
        apps = sum(len(team.records("apps")) for team in reader.teams(owner, month_of(_today())))
        parts.append(f"usage of {apps} apps this month")
    return ", ".join(parts)


def _today() -> date:
    return datetime.now(UTC).date()
