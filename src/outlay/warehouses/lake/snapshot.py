"""One version of the lake: which files hold what, read from Delta's log alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from outlay.core.query import Cuts
from outlay.core.span import Period, Span
from outlay.objects import literal

if TYPE_CHECKING:
    from deltalake import DeltaTable


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file of the lake. `delivery` names what it came with, '' for days asked of an API."""

    path: str  # below the table's folder, as the log has it
    uri: str
    size: int
    source: str
    month: date
    rows: int
    first_day: date
    last_day: date
    cut: str | None  # None when the file holds several
    delivery: str = ""

    @property
    def next_day(self) -> date:
        return self.last_day + timedelta(days=1)

    def lies_in(self, days: Period) -> bool:
        """Whether all its rows are charged on these days."""
        return days.start <= self.first_day and self.last_day < days.end

    def meets(self, days: Period) -> bool:
        """Whether it may hold rows charged on these days."""
        return self.first_day < days.end and self.last_day >= days.start


@dataclass(slots=True)
class Snapshot:
    """The files of one version. `cuts` is known once somebody looked into the files with several."""

    version: int
    files: Sequence[DataFile]
    cuts: Cuts | None = None
    mixed: list[DataFile] = field(init=False)

    def __post_init__(self) -> None:
        self.mixed = [each for each in self.files if each.cut is None]

    @classmethod
    def empty(cls) -> Snapshot:
        """The lake before its first commit."""
        return cls(-1, ())

    @classmethod
    def of(cls, table: DeltaTable, root: str) -> Snapshot:
        """What a table's log says of its current version."""
        import pyarrow as pa

        # pa.table() would import pandas, where that is installed, to see whether this is one of its frames.
        log = pa.RecordBatchReader.from_stream(table.get_add_actions(flatten=True)).read_all()
        actions: list[dict[str, Any]] = log.to_pylist()
        return cls(table.version(), [_data_file(action, root) for action in actions])

    def after(self, gone: Iterable[DataFile], new: Iterable[DataFile]) -> Snapshot:
        """The version that a commit of ours makes of this one."""
        paths = {each.path for each in gone}
        return Snapshot(self.version + 1, [*(each for each in self.files if each.path not in paths), *new])

    def within(self, days: Period) -> list[DataFile]:
        """The files that may hold rows of these days."""
        return [each for each in self.files if each.meets(days)]

    def holding(self, span: Span) -> list[DataFile]:
        """The files that may hold rows of the span."""
        mine = (each for each in self.files if each.source == span.source and each.month in span.months)
        return [each for each in mine if span.days is None or each.meets(span.days)]

    def holds(self, span: Span, delivery: str) -> bool:
        """Whether all there is of the span came with this delivery."""
        found = self.holding(span)
        return bool(found) and all(each.delivery == delivery for each in found)

    def crowded(self, many: int) -> list[tuple[str, date]]:
        """The source-months of more than `many` files that came day by day."""
        counts: dict[tuple[str, date], int] = defaultdict(int)
        for each in self.files:
            counts[each.source, each.month] += 1 if each.delivery == "" else 0
        return [key for key, count in counts.items() if count > many]

    def cuts_of(self, looked: Iterable[tuple[str, str]]) -> Cuts:
        """The cuts of each source: of the files with one from the log, of the others as `looked` up."""
        names: dict[str, set[str]] = defaultdict(set)
        for source, cut in [
            *looked,
            *((each.source, each.cut) for each in self.files if each.cut is not None),
        ]:
            names[source].add(cut)
        return {source: sorted(found) for source, found in names.items()}


def scan(files: Sequence[DataFile]) -> str:
    """The DuckDB table function that reads these files and the columns that their paths hold."""
    paths = ", ".join(literal(each.uri) for each in files)
    partitions = "hive_partitioning = true, hive_types = {'source': VARCHAR, 'month': DATE}"
    return f"read_parquet([{paths}], {partitions})"


def _data_file(action: dict[str, Any], root: str) -> DataFile:
    path = action["path"]
    cut = action["min.cut"] if action["min.cut"] == action["max.cut"] else None
    name = path.rpartition("/")[2]
    return DataFile(
        path=path,
        uri=f"{root}/{unquote(path)}",
        size=action["size_bytes"],
        source=action["partition.source"],
        month=action["partition.month"],
        rows=action["num_records"],
        first_day=action["min.charge_date"],
        last_day=action["max.charge_date"],
        cut=cut,
        delivery=name.split("-")[1] if name.startswith("delivery-") else "",
    )
