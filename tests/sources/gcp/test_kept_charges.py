"""Charges kept of an earlier query: the same rows, for who asks, until the table changes, and never too many."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from outlay.core.errors import UnreachableError
from outlay.core.focus import schema
from outlay.core.span import Period, Span
from outlay.sources.gcp import Gcp, kept_charges
from tests.sources.gcp.fake import FakeBigQuery
from tests.sources.keeping import Keeping

OCTOBER = Span("gcp", Period(date(2026, 10, 1), date(2026, 11, 1)))
TABLE = {"type": "TABLE", "lastModifiedTime": "1790000000000"}


@pytest.fixture
def ledger() -> Keeping:
    return Keeping()


def fetched(fake: FakeBigQuery, ledger: Keeping, span: Span = OCTOBER, **settings: Any) -> pa.Table:
    source = Gcp.model_validate({**fake.settings(), **settings}).with_ledger(ledger)
    return pa.Table.from_batches(source.fetch(span), schema())


def queries(fake: FakeBigQuery) -> int:
    """How many there were that read something."""
    return sum(1 for job in fake.told.jobs if not job["configuration"].get("dryRun"))


def test_the_same_query_is_made_once_and_then_costs_nothing(fake: FakeBigQuery, ledger: Keeping) -> None:
    fake.answers([(date(2026, 10, 3), "1.5"), (date(2026, 10, 4), "0.1")])
    first = fetched(fake, ledger)
    assert fetched(fake, ledger).equals(first)
    assert (queries(fake), first.num_rows, len(ledger.answers)) == (1, 2, 1)
    assert Gcp.model_validate(fake.settings()).with_ledger(ledger).price(OCTOBER) == 0
    assert Gcp.model_validate(fake.settings()).price(OCTOBER) > 0


def test_a_month_without_charges_is_kept_too(fake: FakeBigQuery, ledger: Keeping) -> None:
    fake.answers([])
    assert [fetched(fake, ledger).num_rows for _ in range(2)] == [0, 0]
    assert queries(fake) == 1


def test_another_question_and_a_table_that_changed_are_asked_anew(fake: FakeBigQuery, ledger: Keeping) -> None:
    fake.answers([(date(2026, 10, 3), "1.5")])
    fake.told.details = {**TABLE}
    fetched(fake, ledger)
    fetched(fake, ledger, slack_days=50)
    fetched(fake, ledger, Span("gcp", OCTOBER.months, version="another"))
    assert queries(fake) == 3
    fake.told.details = {**TABLE, "lastModifiedTime": "1790000001000"}
    fake.answers([(date(2026, 10, 3), "2.5")])
    assert fetched(fake, ledger)["billed_cost"].to_pylist() == [Decimal("2.5")]
    assert queries(fake) == 4


def test_more_than_the_limit_comes_as_ever_and_is_not_kept(
    fake: FakeBigQuery, ledger: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_charges, "BYTES_MAX", 2000)
    fake.answers([(date(2026, 10, day), "1.5") for day in range(1, 31)])
    assert [fetched(fake, ledger).num_rows for _ in range(2)] == [30, 30]
    assert (queries(fake), ledger.answers) == (2, {})


def test_what_was_not_read_to_its_end_is_not_kept(fake: FakeBigQuery, ledger: Keeping) -> None:
    fake.answers([(date(2026, 10, 3), "1.5")])
    reading = Gcp.model_validate(fake.settings()).with_ledger(ledger).fetch(OCTOBER)
    next(iter(reading))
    del reading
    fake.told.total = 7
    with pytest.raises(UnreachableError, match="7 rows were told"):
        fetched(fake, ledger)
    assert ledger.answers == {}


def test_what_is_no_charges_is_asked_for_anew(fake: FakeBigQuery, ledger: Keeping) -> None:
    fake.answers([(date(2026, 10, 3), "1.5")])
    first = fetched(fake, ledger)
    [key] = ledger.answers
    whole = ledger.answers[key]
    other = pa.BufferOutputStream()
    with pa.ipc.new_stream(other, pa.schema({"x": pa.int64()})):
        pass
    for wrong in (b"{}", other.getvalue().to_pybytes()):
        ledger.answers[key] = wrong
        assert fetched(fake, ledger).equals(first)
    ledger.answers[key] = whole[: len(whole) // 2]
    if queries(fake) == 3:
        with pytest.raises(UnreachableError, match="collect again"):
            fetched(fake, ledger)
    assert fetched(fake, ledger).equals(first)


def key_file(path: Path, key_id: str) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {"client_email": "outlay@p.iam.gserviceaccount.com", "token_uri": "https://t", "private_key": pem}
    path.write_text(json.dumps({"type": "service_account", "private_key_id": key_id, "project_id": "p", **account}))
    return path


def asks_as(path: Path, **settings: Any) -> str | None:
    return Gcp.model_validate({"dataset": "p.d", "credentials_path": path, **settings}).asks_as()


def test_who_asks_is_told_by_the_key_and_tells_none(tmp_path: Path) -> None:
    one, two = (key_file(tmp_path / f"{each}.json", each) for each in ("one", "two"))
    assert asks_as(one) == asks_as(one)
    users = []
    for token in ("hush-1", "hush-2"):
        path = tmp_path / f"{token}.json"
        path.write_text(
            json.dumps({"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": token})
        )
        users.append(path)
    told = [asks_as(each) for each in (one, two, *users)]
    assert None not in told
    assert len({*told}) == 4
    assert "hush" not in "".join(map(str, told))


def test_who_cannot_be_told_is_nobody_to_keep_for(
    tmp_path: Path, fake: FakeBigQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.auth import compute_engine

    assert asks_as(tmp_path / "missing.json") is None
    machine = compute_engine.Credentials()  # type: ignore[no-untyped-call]
    monkeypatch.setattr("google.auth.default", lambda scopes: (machine, "p"))
    assert Gcp.model_validate({"dataset": "p.d"}).asks_as() is None
    assert Gcp.model_validate(fake.settings()).asks_as() == "nobody"
