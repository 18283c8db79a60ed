"""`outlay costs`: one question, in the format asked for."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outlay.cli.wiring import asked_days, days_options, settings_of, split, state_of, unsettled
from outlay.core.errors import UsageError
from outlay.core.query import MEASURES, TAG, CostQuery, Filter, dimension
from outlay.core.span import Period

if TYPE_CHECKING:
    from outlay.reports import Costs


DAYS = 30  # shown when nobody says how many
_GRAINS: dict[str | None, tuple[str, ...]] = {None: (), "daily": ("date",), "monthly": ("month",)}


def _moment(text: str) -> datetime:
    """A moment in UTC: the end of a day such as 2026-10-03, or a time of it such as 2026-10-03T14:00."""
    now = datetime.now(UTC)
    try:
        if len(text) > len("2026-10-03"):
            at = datetime.fromisoformat(text)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        else:
            day = date.fromisoformat(text)
            end = datetime.combine(day + timedelta(days=1), time(), UTC) - timedelta(microseconds=1)
            at = now if day == now.date() else end
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is no day; write it as 2026-10-31 or 2026-10-31T14:00") from None
    if at > now:
        raise click.BadParameter(f"{text} is still to come")
    return at


@click.command("costs")
@click.option("--provider", "providers", multiple=True, help="Only these, such as aws,azure.")
@click.option("--days", type=click.IntRange(min=1), help="The last days up to yesterday.  [default: 30]")
@days_options
@click.option("--group-by", "groups", multiple=True, default=("provider",), show_default=True,
              help="Dimensions, such as service,region,tag:team.")  # fmt: skip
@click.option("--filter", "filters", multiple=True, metavar="DIMENSION=VALUE", help="Keep only these rows. Also !=.")
@click.option("--measure", type=click.Choice([*MEASURES]), default="billed", show_default=True)
@click.option("--granularity", type=click.Choice(["daily", "monthly"]), help="A row for each day or month.")
@click.option("--exclude", multiple=True, help="Leave out credits,refunds,taxes,purchases.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many rows; totals stay whole.")
@click.option("--as-of", "moment", type=_moment, metavar="DAY", help="What was believed at the end of a day.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv", "xlsx", "parquet"]), default="table",
              show_default=True)  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file.")
@click.pass_context
def costs(
    ctx: click.Context,
    *,
    providers: tuple[str, ...],
    days: int | None,
    start_date: date | None,
    end_date: date | None,
    groups: tuple[str, ...],
    filters: tuple[str, ...],
    measure: str,
    granularity: str | None,
    exclude: tuple[str, ...],
    limit: int | None,
    moment: datetime | None,
    form: str,
    output: Path | None,
) -> None:
    """Show costs by any dimension. Amounts in different currencies are never added up."""
    from outlay import history, reports
    from outlay.cli.formats import write

    if days and (start_date or end_date):
        raise UsageError("--days and --start-date both say from when: give one")
    grain = _GRAINS[granularity]
    today = moment.date() if moment else reports.today()
    if start_date and moment and not end_date:
        end_date = max(today - timedelta(days=1), start_date)
    query = CostQuery(
        asked_days(start_date, end_date) or Period.last(days or DAYS, today),
        (*grain, *split(groups)),
        (*_filters(providers, filters), *reports.excluding(split(exclude))),
        measure,  # type: ignore[arg-type] # click has checked it against the same table
        "dimensions" if grain else "cost",
        limit,
    )
    if form in {"xlsx", "parquet"} and output is None:
        raise UsageError(f"--format {form} needs --output FILE")
    settings = settings_of(ctx)
    if moment:
        with closing(state_of(settings)) as state:
            found = history.as_of(settings.store, state, query, moment)
    else:
        found = history.costs(settings.store, query, unsettled(settings))
    write(found, form, output)
    _remarks(found)


def _filters(providers: tuple[str, ...], texts: tuple[str, ...]) -> tuple[Filter, ...]:
    wanted: dict[tuple[str, bool], list[str | None]] = {}
    if providers:
        wanted["provider", False] = [name.lower() for name in split(providers)]
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--filter {text!r} is not DIMENSION=VALUE, such as service=AmazonEC2 or {TAG}team=core")
        exclude = name.endswith("!")
        # An empty value means the rows that have none.
        wanted.setdefault((dimension(name.rstrip("!")), exclude), []).append(value or None)
    return tuple(Filter(name, tuple(values), exclude) for (name, exclude), values in wanted.items())


def _remarks(found: Costs) -> None:
    if not found.rows:
        click.echo(f"no costs on {found.days}; `outlay runs` shows what was collected", err=True)
    elif len(found.totals) > 1:
        click.echo(f"{len(found.totals)} currencies, not added up: {', '.join(found.totals)}", err=True)
