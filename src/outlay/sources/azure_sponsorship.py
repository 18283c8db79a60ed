"""Azure by the sponsorship portal, for subscriptions paid from a sponsorship, which Cost Management does not serve."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator

from outlay.core.errors import AuthError, BillError, SourceError
from outlay.core.focus import CATEGORIES, batch
from outlay.core.ledger import Tally
from outlay.core.ports import Ledger
from outlay.core.span import Period, Span, Window
from outlay.sources._azure_services import service_columns
from outlay.sources._azure_spend import spend_of
from outlay.sources._azure_terms import is_open, periods_of
from outlay.sources._http import Http
from outlay.sources._recording import Recording, recorded

if TYPE_CHECKING:
    import pyarrow as pa

PORTAL = "https://www.microsoftazuresponsorships.com"
PATH = "/Usage/GetSubscriptionData"
RENEW = (
    f"sign in at {PORTAL}/Usage, open the browser's developer tools (F12), Network, reload, pick the request"
    " GetSubscriptionData, copy the whole value of its request header Cookie, and put it into"
    " AZURE_SPONSORSHIP_COOKIES (or `cookies` of the source)"
)
SERVICE, RESOURCE, SPEND = "Service Name", "Service Resource", "Spend"
# Columns an answer need not have, and what they are here.
ACCOUNTS: Mapping[str, str] = {
    "subscription guid": "sub_account_id",
    "subscription id": "sub_account_id",
    "subscription name": "sub_account_name",
}
# The portal knows no kinds of charges. What is no usage can be told from how such a line is called, or is below zero.
KINDS = {category.lower(): category for category in CATEGORIES} | {"refund": "Adjustment"}


class AzureSponsorship(BaseModel):
    """Azure's sponsorship portal, asked as a browser asks it: one question for each day.

    `cookies`          the Cookie header of a browser that is signed in to the portal; it expires after hours or days
    `subscription_id`  the sponsored subscription
    `currency`         of amounts that have a bare $ or no sign
    """

    # A fault in the settings is shown to people, and pydantic would print the cookies beside it.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ENVIRONMENT: ClassVar[Mapping[str, str]] = {
        "AZURE_SPONSORSHIP_COOKIES": "cookies",
        "AZURE_SUBSCRIPTION_ID": "subscription_id",
    }
    SWITCH: ClassVar[tuple[str, ...]] = ("AZURE_SPONSORSHIP_COOKIES",)

    name: Annotated[str, Field(pattern=r"^[a-z0-9._-]+$")] = "azure-sponsorship"
    cookies: SecretStr
    subscription_id: Annotated[str, Field(min_length=1)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    endpoint_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = PORTAL
    attempts: Annotated[int, Field(ge=1)] = 3  # per day, the first one included
    timeout: Annotated[float, Field(gt=0)] = 60.0  # seconds without a byte after which an attempt has failed

    _ledger: Ledger = PrivateAttr(default_factory=Tally)

    @field_validator("cookies")
    @classmethod
    def _is_a_header(cls, value: SecretStr) -> SecretStr:
        text = re.sub(r"^cookie:", "", value.get_secret_value().strip(), flags=re.IGNORECASE).strip()
        if not re.fullmatch(r"[^=;\s]+=[\x20-\x7e]*", text):
            raise ValueError("should be the value of a browser's Cookie header, in one line: name=value; name=value")
        return SecretStr(text)

    def with_ledger(self, ledger: Ledger) -> Self:
        """The same source, which books its calls, free of charge, with `ledger`."""
        copy = self.model_copy()
        copy._ledger = ledger
        return copy

    def spans(self, window: Window) -> Iterator[Span]:
        """The window month by month, newest first, until today. Raises SourceError when no day is left."""
        end = min(window.days.end, _today() + timedelta(days=1))
        if window.days.start >= end:
            raise SourceError(f"{self.name}: the portal has the days until today, and none of {window.days}")
        return (Span.of_days(self.name, days) for days in Period(window.days.start, end).each_month())

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """One batch for each day with usage: the portal sums up whatever days it is asked for.

        Raises AuthError when the session has expired, other SourceErrors, and BillError for what is no answer.
        """
        http, today = self._http(), _today()
        try:
            for day in (span.days or span.months).each_day():
                shared = {
                    "source": self.name,
                    "provider_name": "Microsoft",
                    "sub_account_id": self.subscription_id,
                    "provisional": is_open(day, today),
                    **periods_of(day),
                }
                with recorded(self._ledger, "GetSubscriptionData", str(day)) as recording:
                    rows = [shared | row for row in self._rows(http, day, recording)]
                if rows:
                    yield batch(rows)
        finally:
            http.close()

    def test(self) -> str:
        """Ask for yesterday."""
        http = self._http()
        try:
            count = sum(1 for _ in self._rows(http, _today() - timedelta(days=1), Recording()))
        finally:
            http.close()
        return f"subscription {self.subscription_id}: the portal answers, with {count} lines for yesterday"

    def _http(self) -> Http:
        cookies = self.cookies.get_secret_value()
        values = (pair.partition("=")[2].strip() for pair in cookies.split(";"))
        return Http(
            place=f"{self.name}: the sponsorship portal",
            base_url=self.endpoint_url,
            headers={
                "Accept": "*/*",
                "Cookie": cookies,
                "Referer": f"{PORTAL}/Usage",
                "X-Requested-With": "XMLHttpRequest",
            },
            attempts=self.attempts,
            timeout=self.timeout,
            needs=f"the session has expired or may not see this subscription: {RENEW}",
            before=lambda: self._ledger.pay("GetSubscriptionData", Decimal(0), self.subscription_id),
            secrets=(cookies, *(value for value in values if len(value) >= 8)),
        )

    def _rows(self, http: Http, day: date, recording: Recording) -> Iterator[dict[str, Any]]:
        """The lines of a day, without those that cost nothing."""
        place = f"{http.place}, {day}"
        answer = self._asked(http, day, recording, place)
        at = _columns(answer.get("TableHeaders"), place)
        lines = answer.get("TableRows")
        if not isinstance(lines, list):
            raise BillError(f"{place}: not an answer of the portal, it has no TableRows")
        for line in lines:
            row = self._row(line, at, place)
            if row["billed_cost"]:
                yield row

    def _asked(self, http: Http, day: date, recording: Recording, place: str) -> Mapping[str, Any]:
        asks = {"startDate": str(day), "endDate": str(day), "subscriptionGuid": self.subscription_id}
        answer = recording.answer(lambda: http.ask("GET", PATH, params=asks), "GET", PATH, asks)
        start = answer.content.lstrip()[:1]
        is_page = start == b"<" or ("html" in answer.headers.get("content-type", "") and start not in {b"{", b"["})
        if answer.status_code >= 300 or is_page:
            raise AuthError(f"{http.place}: the session has expired; {RENEW}")
        found = http.parsed(answer)
        if not isinstance(found, dict):
            raise BillError(f"{place}: not an answer of the portal, but {type(found).__name__}")
        return found

    def _row(self, line: Any, at: Mapping[str, int], place: str) -> dict[str, Any]:
        if not isinstance(line, list) or len(line) != at[""]:
            raise BillError(f"{place}: a line that does not fit the headers: {line!r}")
        try:
            cost, currency = spend_of(line[at[SPEND.lower()]], self.currency)
        except ValueError as error:
            raise BillError(f"{place}: {line!r}: {error}") from None
        service, resource = (str(line[at[name.lower()]] or "").strip() for name in (SERVICE, RESOURCE))
        accounts = {column: line[at[name]] for name, column in ACCOUNTS.items() if at.get(name) is not None}
        return {
            "billed_cost": cost,
            "billing_currency": currency,
            "charge_category": KINDS.get(resource.lower(), "Adjustment" if cost < 0 else "Usage"),
            "sku_meter": resource or None,
            **{column: str(value) for column, value in accounts.items() if value},
            **service_columns(service, resource),
        }


def _columns(headers: Any, place: str) -> dict[str, int]:
    """Where each column stands, by its name in lower case; under '' how many there are."""
    names = [str(name).strip().lower() for name in headers] if isinstance(headers, list) else []
    missing = [name for name in (SERVICE, RESOURCE, SPEND) if name.lower() not in names]
    if missing:
        raise BillError(f"{place}: no column {', '.join(missing)} in TableHeaders, which are {headers!r}")
    return {name: index for index, name in enumerate(names) if name} | {"": len(names)}


def _today() -> date:
    return datetime.now(UTC).date()
