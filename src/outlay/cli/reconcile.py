"""`outlay reconcile`: what is stored against the provider's invoice."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from outlay.cli.wiring import settings_of, state_of
from outlay.core.money import amount, shown, text
from outlay.core.span import month_of

if TYPE_CHECKING:
    from outlay.reconcile import Reconciliation

UNEXPLAINED = 2


def _month(given: str) -> date:
    """The first day of a month such as 2026-10."""
    try:
        return date.fromisoformat(f"{given}-01")
    except ValueError:
        raise click.BadParameter(f"{given!r} is no month; write it as 2026-10") from None


def _rate(given: str) -> Decimal:
    try:
        rate = amount(given)
    except ValueError:
        rate = Decimal(0)
    if rate <= 0:
        raise click.BadParameter(f"{given!r} is no rate; write it as 0.92")
    return rate


@click.command("reconcile")
@click.option("--source", required=True, help="The source, by name.")
@click.option("--invoice", "given", metavar="FILE|AMOUNT", help="A CSV or JSON file, or 1234.56, or '1234.56 EUR'.")
@click.option("--month", type=_month, metavar="MONTH", help="Billing month, such as 2026-10.  [default: the last]")
@click.option("--currency", type=str.upper, help="The invoice's currency, where it does not say.")
@click.option("--rate", type=_rate, metavar="RATE", help="What 1 of the stored currency is in the invoice's.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def reconcile(
    ctx: click.Context,
    *,
    source: str,
    given: str | None,
    month: date | None,
    currency: str | None,
    rate: Decimal | None,
    form: str,
) -> None:
    """Compare what is stored of a month with the invoice. Exit code 2 when the difference is not explained."""
    from outlay import reports
    from outlay.reconcile import as_json, of_readings, read
    from outlay.reconcile import reconcile as compare

    settings = settings_of(ctx)
    month = month or month_of(month_of(reports.today()) - timedelta(days=1))
    if given is not None:
        invoice = read(given, month, currency)
    else:
        with closing(state_of(settings)) as state:
            invoice = of_readings(state, source, month)
    found = compare(settings.store, source, month, invoice, rate)
    if form == "json":
        click.echo(json.dumps(as_json(found), indent=2, ensure_ascii=False))
    else:
        _table(found)
    if found.result == "unexplained":
        click.echo(_unexplained(found), err=True)
        ctx.exit(UNEXPLAINED)


def _table(found: Reconciliation) -> None:
    from outlay.cli.formats import print_rows

    lines = found.invoice.kinds or {}
    kinds = [*dict.fromkeys([*found.compared.billed, *lines])]
    rows = [
        [
            kind.replace("_", " "),
            *(f"{each.get(kind, 0):,.2f}" for each in (found.stored.billed, found.stored.effective)),
            f"{lines[kind]:,.2f}" if kind in lines else "",
        ]
        for kind in kinds
    ]
    sums = (found.stored.total, found.stored.total_effective, found.invoice.total)
    rows.append(["total", *(f"{each:,.2f}" for each in sums)])
    ours, theirs = found.stored_currency, found.currency
    titles = [f"{found.source} {found.month:%Y-%m}", f"stored {ours}", "effective", f"invoice {theirs}"]
    print_rows(titles, rows, frozenset(titles[1:]))
    if found.rate is not None:
        click.echo(f"at a rate of {text(found.rate)}: {shown(found.compared.total, theirs)} stored")
    if found.other_invoices:
        click.echo(f"on other invoices, left out here: {shown(found.other_invoices, ours)}")
    _difference(found)


def _difference(found: Reconciliation) -> None:
    from outlay.cli.formats import print_rows

    why = found.explanation
    if why is None:
        return
    if not why.difference:
        click.echo("equal to the last digit")
        return
    rows = [[part.what, _signed(part.amount)] for part in why.parts]
    if why.unexplained:
        rows.append(["unexplained", _signed(why.unexplained)])
    click.echo()
    print_rows(["invoice less stored", found.currency], [*rows, ["difference", _signed(why.difference)]],
               frozenset({found.currency}))  # fmt: skip
    for other in why.also:
        click.echo(f"as well explained by: {', '.join(other).replace('_', ' ')}")


def _signed(value: Decimal) -> str:
    """Exact, with two places at least."""
    plain = text(value.copy_abs())
    whole, _, places = plain.partition(".")
    return f"{'-' if value < 0 else '+'}{int(whole):,}.{places:0<2}"


def _unexplained(found: Reconciliation) -> str:
    why = found.explanation
    if why is not None:
        return f"unexplained: {_signed(why.unexplained)} {found.currency}"
    implied = f"; the rate would be {text(found.implied_rate)}" if found.implied_rate is not None else ""
    return (
        f"unexplained: the invoice is in {found.currency}, what is stored in {found.stored_currency}{implied}."
        " Say --rate RATE to compare"
    )
