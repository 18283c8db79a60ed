"""Reading invoices: an amount, CSV, JSON; and what cannot be is told by its place."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.core.errors import UsageError
from outlay.reconcile.invoice import Invoice, read

OCTOBER = date(2026, 10, 1)


@pytest.mark.parametrize(
    ("given", "total", "currency"),
    [
        ("1234.56", "1234.56", None),
        ("1234.56 EUR", "1234.56", "EUR"),
        ("eur 1,234.56", "1234.56", "EUR"),
        (" 12 ", "12", None),
        ("-12.5", "-12.5", None),
        ("+.5 USD", "0.5", "USD"),
        ("1234567.000000000000000001", "1234567.000000000000000001", None),
    ],
)
def test_an_amount(given: str, total: str, currency: str | None) -> None:
    assert read(given, OCTOBER) == Invoice(Decimal(total), currency)
    assert read(given, OCTOBER, currency or "USD").currency == (currency or "USD")


@pytest.mark.parametrize("given", ["1,5", "1.234,56", "12 EURO", "", "12,34", "nan", "1e3", "no/such.csv"])
def test_neither_an_amount_nor_a_file(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"neither an amount|cannot read"):
        read(given, OCTOBER)


def test_another_currency_than_asked_for() -> None:
    with pytest.raises(UsageError, match="is in EUR, --currency says USD"):
        read("5 EUR", OCTOBER, "USD")


OURS = """\ufeffdescription,Category,amount,currency,ignored
EC2,,"1,000.10",USD,x
AWS Support (Business),,29.03,USD,
VAT 19 %,,190.07,USD,
1 yr Savings Plan,fee,200,USD,
Domain,fee,12,USD,

Promotion,credits,-12,USD,
Overcharged,Refund,-1.5,USD,
"""
KINDS = {
    "commitment_fees": Decimal(200),
    "credits": Decimal(-12),
    "purchases": Decimal(12),
    "refunds": Decimal("-1.5"),
    "support": Decimal("29.03"),
    "tax": Decimal("190.07"),
    "usage": Decimal("1000.10"),
}


def test_lines_in_csv(tmp_path: Path) -> None:
    path = tmp_path / "invoice.csv"
    path.write_text(OURS, encoding="utf-8")
    found = read(str(path), OCTOBER)
    assert (found.total, found.currency, len(found.lines)) == (Decimal("1417.70"), "USD", 7)
    assert found.kinds == KINDS


def test_focus_columns(tmp_path: Path) -> None:
    path = tmp_path / "focus.csv"
    path.write_text(
        "InvoiceId,BilledCost,BillingCurrency,ChargeCategory,ServiceName,CommitmentDiscountId,BillingPeriodStart\n"
        "A-1,100.000000000000000001,USD,Usage,Amazon EC2,sp-1,2026-10-01T00:00:00Z\n"
        "A-1,5,USD,Usage,AWS Support (Business),,2026-10-01T00:00:00Z\n"
        "A-1,30,USD,Purchase,Savings Plans,sp-1,2026-10-01T00:00:00Z\n"
        "A-1,7,USD,Tax,Amazon EC2,,2026-10-01T00:00:00Z\n"
        "A-2,-2,USD,Credit,Amazon EC2,,2026-10-01T00:00:00Z\n"
        "A-0,99,USD,Usage,Amazon EC2,,2026-09-01T00:00:00Z\n"
    )
    found = read(str(path), OCTOBER)
    assert found.total == Decimal("140.000000000000000001")
    assert found.kinds == {
        "usage": Decimal("100.000000000000000001"),
        "support": Decimal(5),
        "commitment_fees": Decimal(30),
        "tax": Decimal(7),
        "credits": Decimal(-2),
    }
    assert found.numbers == {"A-1", "A-2"}


@pytest.mark.parametrize(
    ("tree", "total", "currency"),
    [
        ({"total": 1234.56, "currency": "eur"}, "1234.56", "EUR"),
        ({"total": "10", "lines": [{"amount": 9.5}, {"amount": "0.5", "category": "tax"}]}, "10", None),
        ([{"BilledCost": "9.5", "BillingCurrency": "USD"}, {"BilledCost": 1}], "10.5", "USD"),
        ({"lines": [{"amount": 3, "category": "total"}]}, "3", None),
    ],
)
def test_json(tmp_path: Path, tree: Any, total: str, currency: str | None) -> None:
    path = tmp_path / "invoice.json"
    path.write_text(json.dumps(tree))
    found = read(str(path), OCTOBER)
    assert (found.total, found.currency) == (Decimal(total), currency)


def test_lines_of_one_kind_tell_no_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("amount,description\n1,EC2\n2,S3\n")
    assert read(str(path), OCTOBER).kinds is None


def test_only_the_lines_in_the_currency_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("amount,currency\n1,USD\n2,EUR\n")
    assert read(str(path), OCTOBER, "EUR") == Invoice(Decimal(2), "EUR", read(str(path), OCTOBER, "EUR").lines)
    with pytest.raises(UsageError, match="several currencies: pick one with --currency: EUR, USD"):
        read(str(path), OCTOBER)
    with pytest.raises(UsageError, match="neither a total nor lines of 2026-10 in GBP"):
        read(str(path), OCTOBER, "GBP")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", ":1: no column amount (or BilledCost); there are: none"),
        ("cost,what\n1,EC2\n", ":1: no column amount (or BilledCost); there are: cost, what"),
        ("amount,what\n1\n", ":2: 1 values for 2 columns"),
        ("amount\n1\n1.5e3x\n", ":3 is no amount: '1.5e3x'; write it as 1234.56"),
        ('amount\n"1,5"\n', ":2 is no amount: '1,5'"),
        ("amount,category\n,tax\n", ":2 has no amount"),
        ("amount\n", " has neither a total nor lines of 2026-10"),
        ("amount,category\n1,usage\n2,tax\n4,total\n", ":4 is 4, but its lines add up to 3"),
        ('{"total": 3, "lines": [{"amount": 1}]}', ": total is 3, but its lines add up to 1"),
        ('{"total": true}', ": total is no amount: 'True'"),
        ('{"lines": {"amount": 1}}', ": lines should be a list"),
        ("[1, 2]", ": lines should be a list"),
        ('[{"amount": null}]', ": line 1 has no amount"),
        ("{", " is no JSON"),
    ],
)
def test_what_cannot_be(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "bad"
    path.write_text(content)
    with pytest.raises(UsageError) as refused:
        read(str(path), OCTOBER)
    assert str(refused.value).startswith(f"{path}{reason}")


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00")
    for path, reason in ((tmp_path / "b", "it is no text"), (tmp_path, "Is a directory")):
        with pytest.raises(UsageError, match=reason):
            read(str(path), OCTOBER)
