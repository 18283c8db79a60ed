"""What asking costs: told before, booked, and never passed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from outlay.core.errors import SpendError, ThrottledError
from outlay.core.ledger import Tally
from outlay.core.span import Period, Span
from outlay.sources.gcp import Gcp
from tests.sources.gcp.fake import FakeBigQuery

OCTOBER = Span("gcp", Period(date(2026, 10, 1), date(2026, 11, 1)))
GIB, MIB = 2**30, 2**20


class Capped(Tally):
    """A ledger whose month is spent."""

    def pay(self, operation: str, usd: Decimal, account: str = "") -> None:
        if usd:
            raise SpendError("the month is spent")
        super().pay(operation, usd, account)


def priced(fake: FakeBigQuery, size: int, **settings: str) -> Decimal:
    fake.told.bytes = size
    return Gcp.model_validate({**fake.settings(), **settings}).price(OCTOBER)


def test_the_price_is_that_of_the_bytes_in_whole_mebibytes_ten_at_least(fake: FakeBigQuery) -> None:
    assert priced(fake, 2**40) == Decimal("6.25")
    assert priced(fake, 0) == priced(fake, 10 * MIB) == Decimal(10 * MIB) * Decimal("6.25") / 2**40
    assert priced(fake, 10 * MIB + 1) == Decimal(11 * MIB) * Decimal("6.25") / 2**40
    assert priced(fake, 2**40, usd_per_tib="7.82") == Decimal("7.82")
    assert priced(fake, 2**40, usd_per_tib="0") == 0
    assert {job["configuration"].get("dryRun") for job in fake.told.jobs} == {True}


def test_a_query_is_held_to_the_bytes_that_were_told_and_booked_before(fake: FakeBigQuery) -> None:
    fake.told.bytes = 3 * GIB
    fake.answers([(date(2026, 10, 3), "1.5")])
    ledger = Tally()
    source = Gcp.model_validate(fake.settings()).with_ledger(ledger)
    list(source.fetch(OCTOBER))
    dry, real = fake.told.jobs
    assert (dry["configuration"]["dryRun"], dry["configuration"]["query"]["useQueryCache"]) == (True, False)
    assert real["configuration"]["query"]["maximumBytesBilled"] == str(3 * GIB)
    assert real["configuration"]["query"]["query"] == dry["configuration"]["query"]["query"]
    assert real["jobReference"]["location"] == "EU"
    assert ledger.usd == source.price(OCTOBER) == Decimal(3 * GIB) * Decimal("6.25") / 2**40
    assert ledger.calls["asking", "query"] == 1


def test_values_are_bound_and_never_part_of_the_query(fake: FakeBigQuery) -> None:
    priced(fake, 0, slack_days="10")
    parameters = fake.told.jobs[0]["configuration"]["query"]["queryParameters"]
    values = {each["name"]: each["parameterValue"]["value"] for each in parameters}
    assert values == {
        "since": "2026-09-21 00:00:00+00:00",
        "until": "2026-11-11 00:00:00+00:00",
        "month": "202610",
    }
    assert "_PARTITIONTIME >= @since AND _PARTITIONTIME < @until AND invoice.month = @month" in fake.query
    assert "2026" not in fake.query


def test_more_bytes_than_the_cap_are_not_read(fake: FakeBigQuery) -> None:
    fake.told.bytes = 2 * GIB
    source = Gcp.model_validate({**fake.settings(), "bytes_cap_per_query": GIB})
    with pytest.raises(SpendError, match=r"2026-10: reading takes 2147483648 bytes, more than bytes_cap_per_query"):
        list(source.fetch(OCTOBER))
    assert len(fake.told.jobs) == 1


def test_what_the_ledger_refuses_is_not_asked(fake: FakeBigQuery) -> None:
    with pytest.raises(SpendError, match="the month is spent"):
        list(Gcp.model_validate(fake.settings()).with_ledger(Capped()).fetch(OCTOBER))
    assert len(fake.told.jobs) == 1


def test_a_table_that_grew_meanwhile_is_told(fake: FakeBigQuery) -> None:
    fake.told.error = {"reason": "bytesBilledLimitExceeded", "message": "Query exceeded limit for bytes billed"}
    with pytest.raises(SpendError, match="grew beyond what its dry run told; nothing was read or billed"):
        list(Gcp.model_validate(fake.settings()).fetch(OCTOBER))


def test_an_interrupted_query_is_asked_for_again_and_paid_once(
    fake: FakeBigQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outlay.sources.gcp.asking.time.sleep", lambda _: None)
    fake.answers([(date(2026, 10, 3), "1.5")])
    fake.told.cut_inserts = 2
    ledger = Tally()
    (batch,) = Gcp.model_validate(fake.settings()).with_ledger(ledger).fetch(OCTOBER)
    assert batch["billed_cost"].to_pylist() == [Decimal("1.5")]
    assert ledger.calls["asking", "query"] == 3
    assert ledger.usd == Decimal(10 * MIB) * Decimal("6.25") / 2**40
    assert len({job["jobReference"]["jobId"] for job in fake.told.jobs if not job["configuration"].get("dryRun")}) == 1


def test_too_many_queries_may_come_as_a_refusal(fake: FakeBigQuery) -> None:
    fake.told.error = {"reason": "quotaExceeded", "message": "Quota exceeded: bytes scanned per day"}
    with pytest.raises(ThrottledError, match=r"too many requests.*Quota exceeded: bytes scanned per day"):
        list(Gcp.model_validate(fake.settings()).fetch(OCTOBER))
