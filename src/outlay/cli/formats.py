"""Writing an answer: a table for people, JSON, CSV, Excel, Parquet. Data goes to stdout or the named file."""

from __future__ import annotations

import csv
import io
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlay.cli.wiring import write_file
from outlay.core import money
from outlay.core.errors import UsageError
from outlay.reports import Costs, as_json

if TYPE_CHECKING:
    from rich.table import Table

WIDE = 1000


def write(found: Costs, form: str, output: Path | None) -> None:
    """Write `found` as `form`: to `output`, whole or not at all, else to stdout."""
    if form == "table" and output is None:
        _print(_table(found), _caption(found))
        return
    data = {"table": _text, "json": _json, "csv": _csv, "xlsx": _xlsx, "parquet": _parquet}[form](found)
    if output is None:
        sys.stdout.write(data.decode())
    else:
        write_file(output, data)


def print_rows(titles: list[str], rows: list[list[str]], right: frozenset[str] = frozenset()) -> None:
    """A plain table of texts on stdout; the columns in `right` are numbers."""
    _print(_grid(titles, rows, right))


def _print(table: Table, caption: str = "") -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        sys.stdout.write(_lines(table, caption))
        return
    console.print(table)
    if caption:
        console.print(caption, style="dim", highlight=False)


def _lines(table: Table, caption: str) -> str:
    """As wide as it needs to be: cut to 80 columns, a file or a pipe would lack what is looked for in it."""
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=WIDE).print(table, crop=False)
    lines = [*out.getvalue().splitlines(), *([caption] if caption else [])]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _grid(titles: list[str], rows: list[list[str]], right: frozenset[str]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in titles:
        number = title in right
        table.add_column(title, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for row in rows:
        table.add_row(*(Text(value) for value in row))
    return table


def _table(found: Costs) -> Table:
    titles = [*found.dimensions, "cost", "currency"]
    rows = [
        [*(_shown(row[name]) for name in found.dimensions), f"{row['cost']:,.2f}", row["currency"]]
        for row in found.rows
    ]
    if found.dimensions:
        blank = [""] * (len(found.dimensions) - 1)
        rows += [["total", *blank, f"{total:,.2f}", currency] for currency, total in found.totals.items()]
    return _grid(titles, rows, frozenset({"cost"}))


def _caption(found: Costs) -> str:
    estimated = f"; provisional from {found.provisional_from}" if found.provisional_from else ""
    return f"{found.measure} costs of {found.days}{estimated}"


def _shown(value: Any) -> str:
    return "(none)" if value is None else str(value)


def _text(found: Costs) -> bytes:
    return _lines(_table(found), _caption(found)).encode()


def _json(found: Costs) -> bytes:
    return (json.dumps(as_json(found), indent=2, ensure_ascii=False) + "\n").encode()


def _csv(found: Costs) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*found.dimensions, "cost", "currency"])
    for row in found.rows:
        values = [_safe(row[name]) for name in found.dimensions]
        writer.writerow([*values, money.text(row["cost"]), row["currency"]])
    return out.getvalue().encode()


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula, made plain text: tags are written by anybody."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def _xlsx(found: Costs) -> bytes:
    try:
        import xlsxwriter
    except ImportError:
        raise UsageError("--format xlsx needs an extra: pip install 'outlay[excel]'") from None
    out = io.BytesIO()
    texts = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, texts) as book:
        sheet = book.add_worksheet("costs")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        formats = {"cost": book.add_format({"num_format": "#,##0.00"}), "date": day, "month": day}
        titles = [*found.dimensions, "cost", "currency"]
        sheet.write_row(0, 0, titles, book.add_format({"bold": True}))
        sheet.freeze_panes(1, 0)
        for index, row in enumerate(found.rows, 1):
            for column, name in enumerate(titles):
                sheet.write(index, column, _cell(row[name]), formats.get(name))
        sheet.autofilter(0, 0, max(len(found.rows), 1), len(titles) - 1)
        sheet.autofit()
    return out.getvalue()


def _cell(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value  # a cell holds nothing more exact


def _parquet(found: Costs) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from outlay.core.focus import arrow_type

    days = {"date": pa.date32(), "month": pa.date32()}
    fields = [pa.field(name, days.get(name, pa.string())) for name in found.dimensions]
    schema = pa.schema([*fields, pa.field("currency", pa.string()), pa.field("cost", arrow_type("decimal"))])
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(found.rows), schema=schema), out)
    return out.getvalue()
