"""Which billing export a dataset has, and what decides which of its rows are new."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from outlay.core.errors import BillError, NotFoundError, SourceError
from outlay.sources.gcp.asking import Asking

Kind = Literal["detailed", "standard", "focus"]

# How Google names its tables, the best first: the detailed export has all that the standard one has.
NAMES: Mapping[Kind, re.Pattern[str]] = {
    "detailed": re.compile(r"gcp_billing_export_resource_v1_(\w+)"),
    "standard": re.compile(r"gcp_billing_export_v1_(\w+)"),
    "focus": re.compile(r"gcp_billing_export_focus_(\w+)|\w*focus\w*", re.IGNORECASE),
}
SHOWN = 20  # tables of a dataset that an error names
SET_UP = (
    "In the Cloud console under Billing > Billing export > BigQuery export switch on the detailed usage cost export"
    " into this dataset. Google makes the table a few hours to 24 hours later, and may take 5 days to fill in the past"
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table or view, as it is now.

    `columns`    the BigQuery type of each column by its dotted path, in lower case; repeated ones end with []
    `partition`  the time column it is partitioned by; None for a view, or a table that is not partitioned
    `changed`    changes whenever the rows do; None for a view, which does not tell
    """

    project: str
    dataset: str
    name: str
    kind: Kind
    location: str | None
    columns: Mapping[str, str]
    partition: str | None
    created: str
    changed: str | None
    rows: int | None

    @property
    def quoted(self) -> str:
        """Its name in SQL: the parts were checked to hold no backquote."""
        return f"`{self.project}.{self.dataset}.{self.name}`"

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.name}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which export: the source that wants it, its dataset, and what tells it from others in there."""

    source: str
    project: str
    dataset: str
    kind: Kind | Literal["auto"]
    table: str | None
    account: str | None

    def __str__(self) -> str:
        return f"{self.source}: dataset {self.project}.{self.dataset}"


def find(client: Any, asking: Asking, wanted: Wanted) -> Table:
    """The one export that is wanted, by three calls that are free.

    Raises NotFoundError with what to switch on, SourceError with the choices where several fit, AuthError.
    """
    from google.cloud.bigquery import DatasetReference

    dataset = DatasetReference(wanted.project, wanted.dataset)
    try:
        with asking.plainly("datasets.get"):
            location = client.get_dataset(dataset, retry=asking.tries("datasets.get")).location
        name = wanted.table or chosen(_listed(client, asking, dataset), wanted)
        with asking.plainly("tables.get"):
            return _table(
                client.get_table(dataset.table(name), retry=asking.tries("tables.get")), wanted, name, location
            )
    except NotFoundError as error:
        raise NotFoundError(f"{error}. {SET_UP}") from None


def chosen(names: Iterable[str], wanted: Wanted) -> str:
    """The name of the export among those of a dataset's tables. Raises NotFoundError and SourceError."""
    every = list(names)
    kinds: tuple[Kind, ...] = tuple(NAMES) if wanted.kind == "auto" else (wanted.kind,)
    for kind in kinds:
        fitting = [
            name for name in every if (match := NAMES[kind].fullmatch(name)) and _is_of(wanted.account, match[1])
        ]
        if len(fitting) > 1:
            told = "name one with billing_account_id, or with table"
            raise SourceError(f"{wanted} has several {kind} exports: {', '.join(sorted(fitting))}; {told}")
        if fitting:
            return fitting[0]
    what = "no billing export" if wanted.kind == "auto" else f"no {wanted.kind} export"
    of = f" of billing account {wanted.account}" if wanted.account else ""
    there = f"; it has: {', '.join(sorted(every)[:SHOWN])}" if every else "; it is empty"
    raise NotFoundError(f"{wanted} has {what}{of}{there}")


def _is_of(account: str | None, named: str | None) -> bool:
    """Whether a table is of the account; a view does not name one, and is taken to be."""
    return account is None or named is None or named.upper() == account.replace("-", "_").upper()


def _listed(client: Any, asking: Asking, dataset: Any) -> list[str]:
    with asking.plainly("tables.list"):
        pages = asking.pages(client.list_tables(dataset, retry=asking.tries("tables.list")), "tables.list")
        return [table.table_id for page in pages for table in page]


def _table(found: Any, wanted: Wanted, name: str, location: str | None) -> Table:
    columns = dict(_columns(found.schema))
    kind: Kind = "focus" if "billedcost" in columns else "detailed" if "resource" in columns else "standard"
    partitioning = found.time_partitioning
    is_table = found.table_type == "TABLE"
    buffer = found.streaming_buffer
    rows = [found.num_rows, buffer.estimated_rows if buffer else 0]
    return Table(
        project=wanted.project,
        dataset=wanted.dataset,
        name=name,
        kind=kind,
        location=location,
        columns=columns,
        partition=_partition(partitioning and partitioning.field, columns) if partitioning else None,
        created=f"{found.created:%Y-%m-%dT%H:%M:%S.%fZ}",
        changed=f"{found.modified:%Y-%m-%dT%H:%M:%S.%fZ} {rows}" if is_table else None,
        rows=found.num_rows if is_table else None,
    )


def _partition(field: str | None, columns: Mapping[str, str]) -> str:
    """The column of the partitions: Google's own tables have a hidden one, the time a line was loaded."""
    if field is not None and field.lower() not in columns:
        raise BillError(f"partitioned by {field!r}, which is no column of it")
    return field or "_PARTITIONTIME"


def _columns(fields: Iterable[Any], above: str = "") -> Iterator[tuple[str, str]]:
    for field in fields:
        path = above + field.name.lower()
        yield path, field.field_type + ("[]" if field.mode == "REPEATED" else "")
        yield from _columns(field.fields, f"{path}.")
