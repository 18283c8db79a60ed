"""Azure by the Cost Management Query API: charges per day, service and region, for accounts without exports."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from outlay.core.errors import SourceError
from outlay.core.focus import batch
from outlay.core.ledger import Tally
from outlay.core.span import Period, Span, Window
from outlay.sources._azure_services import is_ai, service_columns
from outlay.sources._azure_terms import charge_category_of, is_open, periods_of, region_of
from outlay.sources._http import Http
from outlay.sources._recording import Recording, recorded
from outlay.sources.azure._answers import Asker, Both, Key, Question, wait_seconds

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.core.ports import Ledger

ENDPOINT_URL = "https://management.azure.com"
NEEDS = (
    "give the identity the role Cost Management Reader on this scope; in an enterprise agreement or with a partner,"
    " an administrator has to let people view charges as well"
)
SERVICE, REGION, CHARGE_TYPE, METER = "ServiceName", "ResourceLocation", "ChargeType", "Meter"


@dataclass(frozen=True, kw_only=True)
class QueryApi:
    """The Query API of Cost Management, which is free of charge and limited in how often it answers.

    `source`     what the rows call their source
    `scopes`     what to ask about: `/subscriptions/<id>`, a management group, a billing account or profile
    `token`      gives a bearer token for Azure Resource Manager that has not expired
    `attempts`   per page; `timeout` seconds without a byte end one
    `max_pages`  per question, at most
    `verify`     an SSL context, for an address whose certificate is signed by an authority of one's own
    """

    source: str
    scopes: tuple[str, ...]
    token: Callable[[], str] = field(repr=False)
    endpoint_url: str = ENDPOINT_URL
    attempts: int = 3
    timeout: float = 60.0
    max_pages: int = 200
    ledger: Ledger = field(default_factory=Tally, repr=False)
    verify: ssl.SSLContext | bool = field(default=True, repr=False)

    def spans(self, window: Window) -> Iterator[Span]:
        """The window month by month, newest first, until today. Raises SourceError when no day is left."""
        end = min(window.days.end, _today() + timedelta(days=1))
        if window.days.start >= end:
            raise SourceError(f"{self.source}: Cost Management has the days until today, and none of {window.days}")
        return (Span.of_days(self.source, days) for days in Period(window.days.start, end).each_month())

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """One batch per scope. Raises AuthError and other SourceErrors, and BillError for an answer that cannot be."""
        days, today = span.days or span.months, _today()
        for scope in self.scopes:
            shared = {"source": self.source, "provider_name": "Microsoft", "cut": "service,region", **_account(scope)}
            with (
                recorded(self.ledger, "Query", scope, str(days)) as recording,
                closing(self._asker(scope, recording)) as asker,
            ):
                rows = [
                    shared | periods_of(key[0]) | {"provisional": is_open(key[0], today)} | row
                    for key, row in self._rows(asker, days)
                ]
            yield batch(rows)

    def test(self) -> str:
        """Ask each scope for yesterday."""
        for scope in self.scopes:
            with closing(self._asker(scope)) as asker:
                asker.costs(Question("ActualCost", Period.last(1, until=_today()), (SERVICE,)))
        return f"Cost Management answers for {', '.join(self.scopes)}"

    def _asker(self, scope: str, recording: Recording | None = None) -> Asker:
        http = Http(
            place=f"{self.source}: Cost Management",
            base_url=self.endpoint_url,
            headers={"ClientType": "Outlay", "Accept": "application/json"},
            attempts=self.attempts,
            timeout=self.timeout,
            needs=NEEDS,
            wait=wait_seconds,
            before=lambda: self.ledger.pay("Query", Decimal(0), scope),
            verify=self.verify,
        )
        return Asker(
            http=http,
            token=self.token,
            scope=f"/{scope.strip('/')}",
            max_pages=self.max_pages,
            recording=recording or Recording(),
        )

    def _rows(self, asker: Asker, days: Period) -> Iterator[tuple[Key, dict[str, Any]]]:
        """The whole by service and charge type, of which plain usage is asked for again, by region.

        Azure groups by two things at most, so what is no plain usage has no region.
        """
        whole = asker.both(days, (SERVICE, CHARGE_TYPE), {})
        types = {name for name in whole.values(1) if name and name.lower() == "usage"}
        usage, special = whole.split(1, types)
        for key, billed, effective in special:
            service, charge_type = key[2]
            yield key, _charge(key, billed, effective, service) | _kind(charge_type)
        if types:
            yield from self._usage(asker, days, usage, {CHARGE_TYPE: sorted(types)})

    def _usage(
        self, asker: Asker, days: Period, expected: Both, only: Mapping[str, list[str]]
    ) -> Iterator[tuple[Key, dict[str, Any]]]:
        """Usage by service and region; of AI services by meter, as nothing else tells speech from language models."""
        place = f"{asker.http.place}, {asker.scope}, {days}"
        by_region = asker.both(days, (SERVICE, REGION), only)
        expected.check(by_region, place)
        ai, others = by_region.split(0, [name for name in by_region.values(0) if is_ai(name or "")])
        for key, billed, effective in others:
            service, region = key[2]
            yield key, _charge(key, billed, effective, service, region=region)
        for name in sorted(filter(None, ai.values(0))):
            by_meter = asker.both(days, (METER, REGION), {**only, SERVICE: [name]})
            ai.split(0, [name])[0].check(by_meter, f"{place}, {name}")
            for key, billed, effective in by_meter:
                meter, region = key[2]
                yield key, _charge(key, billed, effective, name, region=region, meter=meter)


def _charge(
    key: Key,
    billed: Decimal,
    effective: Decimal,
    service: str | None,
    *,
    region: str | None = None,
    meter: str | None = None,
) -> dict[str, Any]:
    """What one group says of itself, as usage."""
    return {
        "billed_cost": billed,
        "effective_cost": effective,
        "billing_currency": key[1],
        "charge_category": "Usage",
        "region_id": region_of(region or ""),
        "sku_meter": meter or None,
        **service_columns(service or "", meter or ""),
    }


def _kind(charge_type: str | None) -> dict[str, Any]:
    """What a charge type other than usage adds."""
    told = charge_type or ""
    unused = told.lower().startswith("unused")
    return {
        "charge_category": charge_category_of(told),
        "charge_description": told or None,
        "commitment_discount_status": "Unused" if unused else None,
    }


def _account(scope: str) -> dict[str, str]:
    """The accounts that a scope is, or lies in."""
    found = {key.lower(): value for key, value in re.findall(r"(subscriptions|billingAccounts)/([^/]+)", scope, re.I)}
    columns = {"subscriptions": "sub_account_id", "billingaccounts": "billing_account_id"}
    return {columns[kind]: value for kind, value in found.items()}


def _today() -> date:
    return datetime.now(UTC).date()
