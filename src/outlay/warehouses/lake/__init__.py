"""The lake: a Delta Lake table in a folder or a bucket. Delta's log makes each replace one commit."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator

from outlay.core import focus
from outlay.core.errors import OutlayError, StoreError
from outlay.core.ports import Replaced
from outlay.core.query import CostQuery, Cuts, DuckDb, Filter, compile_query
from outlay.core.span import Period, Span, next_month
from outlay.objects import SCHEMES, connect, faults, files_of, is_remote, plain
from outlay.warehouses._charges import Rows, answer_schema, changes, identity
from outlay.warehouses.lake.delta import COMMIT_ATTEMPTS, commit, create_table
from outlay.warehouses.lake.snapshot import DataFile, Snapshot, scan
from outlay.warehouses.lake.versions import is_kept, snapshot_at

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from duckdb import DuckDBPyConnection

    from outlay.warehouses.lake.parquet import PartitionWriter

SMALL_FILES = 8


class Lake(BaseModel):
    """Charges as a Delta Lake table: Parquet files and a log, partitioned by source and billing month.

    `path`             a local folder, or a bucket: s3://bucket/folder, abfss://..., gs://...
    `storage_options`  what the bucket's client needs, such as AWS_REGION or AWS_ENDPOINT_URL
    `keep_days`        how long old versions can still be read
    `compression`      of the Parquet files: zstd (smaller) or lz4 (faster)

    Any number of processes read while one writes. Two that write the same source go one after the other: the
    second sees the first's commit, works out again what it has to replace, and commits then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    SCHEMES: ClassVar[tuple[str, ...]] = SCHEMES

    path: str = "./data"
    storage_options: dict[str, SecretStr] = Field(default_factory=dict)
    keep_days: int = Field(default=7, ge=1)
    compression: str = Field(default="zstd", pattern="^(zstd|lz4)$")

    @field_validator("path")
    @classmethod
    def _named_plainly(cls, path: str) -> str:
        # delta-rs takes a folder's name for a part of a URL, and would write to another folder.
        if not is_remote(path) and (odd := {"%", "\\"} & set(Path(path).absolute().as_posix())):
            raise ValueError(f"a lake cannot be in a folder whose name holds {min(odd)}")
        return path

    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)
    _table: Any = PrivateAttr(default=None)
    _id: str = PrivateAttr(default="")  # of the table, for as long as it is open
    _known: Snapshot | None = PrivateAttr(default=None)
    _duck: Any = PrivateAttr(default=None)

    # -- the verbs of a warehouse ------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the table if it is not there."""
        with self._reported("create"):
            self._open(create=True)

    def query(self, query: CostQuery) -> pa.Table:
        """The answer, from the files that the table's newest version names."""
        with self._reported("read"):
            return self._ask(self._snapshot(), query)

    def version(self) -> str:
        """The table's id and the number of its newest commit; '' while there is none."""
        with self._reported("read"):
            snapshot = self._snapshot()
            return "" if snapshot.version < 0 else f"{self._id}.{snapshot.version}"

    def replace(self, span: Span, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """One commit: the files with the span's old rows out, the files with its new ones in."""
        if span.version is not None:
            with self._reported("read"):
                if self._snapshot().holds(span, identity(span)):
                    return Replaced(unchanged=True)
        return self._write(span, identity(span), rows)

    def months(self) -> list[tuple[str, date, str | None]]:
        """Each source and billing month that has charges, and the identity of the delivery they came with, if of one.

        The identity is what `adopt` takes, here or in another store.
        """
        with self._reported("read"):
            found: dict[tuple[str, date], set[str]] = defaultdict(set)
            for file in self._snapshot().files:
                found[file.source, file.month].add(file.delivery)
        return [(*key, (min(one) or None) if len(one) == 1 else None) for key, one in sorted(found.items())]

    def rows(self, source: str, month: date) -> Iterator[pa.RecordBatch]:
        """Every charge of a source billed in the month that starts on `month`, in the schema of CHARGES."""
        import pyarrow as pa

        schema = focus.schema()
        with self._reported("read"):
            files = self._snapshot().holding(Span(source, Period(month, next_month(month))))
            for batch in self._rows(files) if files else ():
                yield pa.RecordBatch.from_arrays([batch.column(name) for name in schema.names], schema=schema)

    def adopt(self, source: str, month: date, delivery: str | None, rows: Iterable[pa.RecordBatch]) -> Replaced:
        """Replace a month by what another store has of it: that very delivery will then be unchanged here, too."""
        return self._write(Span(source, Period(month, next_month(month))), delivery or "", rows)

    def maintain(self) -> None:
        """Merge many small files of one month, then forget versions and files older than `keep_days`."""
        with self._reported("tidy"):
            self._open(create=True)
            for source, month in self._snapshot().crowded(SMALL_FILES):
                self._merge(Span.of_days(source, Period(month, next_month(month))))
            table = self._load()
            table.create_checkpoint()
            table.vacuum(self.keep_days * 24, dry_run=False, enforce_retention_duration=False, full=True)
            table.cleanup_metadata()

    # -- reading -----------------------------------------------------------------------------------

    def _ask(self, snapshot: Snapshot, query: CostQuery) -> pa.Table:
        files, schema = snapshot.within(query.days), answer_schema(query)
        if not files:
            return schema.empty_table()
        compiled = compile_query(query, DuckDb(), self._cuts(snapshot), scan(files))
        answer = self._cursor().sql(compiled.sql, params=compiled.params).to_arrow_table().rename_columns(schema.names)
        # These are DuckDB's own types, mostly, and casting has to import pyarrow.compute, which is slow.
        return answer if answer.schema.equals(schema) else answer.cast(schema)

    def _cuts(self, snapshot: Snapshot) -> Cuts:
        if snapshot.cuts is None:
            mixed = f"SELECT DISTINCT source, cut FROM {scan(snapshot.mixed)}"  # noqa: S608 - our own paths
            looked = self._cursor().sql(mixed).fetchall() if snapshot.mixed else []
            snapshot.cuts = snapshot.cuts_of(looked)
        return snapshot.cuts

    def _days(self, snapshot: Snapshot, source: str, days: Period) -> dict[tuple[Any, str], Any]:
        answer = self._ask(snapshot, CostQuery(days, ("date",), (Filter("source", (source,)),), order="dimensions"))
        return {(row["date"], row["currency"]): row["cost"] for row in answer.to_pylist()}

    def _cursor(self) -> DuckDBPyConnection:
        with self._lock:
            if self._duck is None:
                self._duck = connect(files_of(self.path, self._options))
                self._duck.execute("SET GLOBAL parquet_metadata_cache = true")
            cursor: DuckDBPyConnection = self._duck.cursor()
            return cursor

    def _snapshot(self) -> Snapshot:
        table = self._open(create=False)
        with self._lock:
            if table is None:
                return Snapshot.empty()
            table.update_incremental()
            if self._known is None or self._known.version != table.version():
                self._known = Snapshot.of(table, self._root)
            return self._known

    def _open(self, *, create: bool) -> DeltaTable | Any:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        with self._lock:
            if self._table is None:
                options = self._options
                try:
                    self._table = DeltaTable(self._root, storage_options=options)
                except TableNotFoundError:
                    if not create:
                        return None
                    self._table = create_table(self._root, options, self.keep_days)
                self._id = str(self._table.metadata().id)
            return self._table

    def query_as_of(self, query: CostQuery, moment: datetime) -> pa.Table | None:
        """The answer as it was at a moment; None when what it takes is not kept any more (`keep_days`)."""
        with self._reported("read"):
            old = snapshot_at(self._root, self._options, moment)
            if old is None or not is_kept(old, self._snapshot(), query.days, self._options):
                return None
            return self._ask(old, query)

    # -- writing -----------------------------------------------------------------------------------

    def _write(self, span: Span, delivery: str, rows: Iterable[pa.RecordBatch]) -> Replaced:
        rows = Rows(rows)
        with self._reported("write", rows):
            self._open(create=True)
            with self._writer(span.source, delivery) as writer:
                writer.write(rows, span)
                new = writer.close()
                before, after = self._commit(span, delivery, new)
            return self._told(span, before, after, new)

    def _commit(self, span: Span, delivery: str, new: list[DataFile]) -> tuple[Snapshot, Snapshot]:
        """Commit `new` as all of the span; if others wrote the source meanwhile, look again and retry."""
        from deltalake.exceptions import CommitFailedError

        for attempt in range(COMMIT_ATTEMPTS):
            table = self._load()
            before = Snapshot.of(table, self._root)
            gone = before.holding(span)
            with self._writer(span.source, delivery) as writer:
                writer.write(self._kept(gone, span), None)
                kept = writer.close()
                try:
                    commit(table, span.source, gone, new + kept)
                except CommitFailedError:
                    writer.discard()
                    time.sleep(random.uniform(0.5, 1.5) * min(0.02 * (attempt + 1), 0.5))  # noqa: S311 - jitter
                    continue
            return before, before.after(gone, new + kept)
        raise StoreError(f"{self.path}: {span} was written by others {COMMIT_ATTEMPTS} times in a row; try again")

    def _merge(self, span: Span) -> None:
        """Write the files of one month anew as few, unless others write that source now."""
        from deltalake.exceptions import CommitFailedError

        table = self._load()
        many = [each for each in Snapshot.of(table, self._root).holding(span) if not each.delivery]
        with self._writer(span.source, "") as writer:
            writer.write(self._rows(many), None)
            try:
                commit(table, span.source, many, writer.close())
            except CommitFailedError:
                writer.discard()  # the next run finds it still crowded

    def _load(self) -> DeltaTable:
        """A table of its own for one commit: what conflicts is judged from the version that it looked at."""
        from deltalake import DeltaTable

        return DeltaTable(self._root, storage_options=self._options)

    def _kept(self, gone: list[DataFile], span: Span) -> Iterator[pa.RecordBatch]:
        """The rows outside the span's days that share a file with rows inside."""
        shared = [file for file in gone if span.days is not None and not file.lies_in(span.days)]
        if span.days is None or not shared:
            return iter(())
        outside = "WHERE charge_date < $start OR charge_date >= $end"
        return self._rows(shared, outside, {"start": span.days.start, "end": span.days.end})

    def _rows(
        self, files: list[DataFile], where: str = "", params: dict[str, Any] | None = None
    ) -> Iterator[pa.RecordBatch]:
        sql = f"SELECT {', '.join(focus.NAMES)} FROM {scan(files)} {where}"  # noqa: S608 - our own paths and columns
        return iter(self._cursor().sql(sql, params=params).to_arrow_reader(16384))

    def _told(self, span: Span, before: Snapshot, after: Snapshot, new: list[DataFile]) -> Replaced:
        touched = before.holding(span) + new
        if not touched:
            return Replaced()
        days = Period(min(each.first_day for each in touched), max(each.next_day for each in touched))
        old = self._days(before, span.source, days)
        now = self._days(after, span.source, days)
        told = changes(span, held=bool(before.holding(span)), before=old, after=now)
        return Replaced(sum(each.rows for each in new), self._totals(new), told)

    def _totals(self, new: list[DataFile]) -> dict[str, Decimal]:
        if not new:
            return {}
        days = Period(min(each.first_day for each in new), max(each.next_day for each in new))
        answer = self._ask(Snapshot(-1, new), CostQuery(days))
        return {row["currency"]: row["cost"] for row in answer.to_pylist()}

    @contextmanager
    def _writer(self, source: str, delivery: str) -> Iterator[PartitionWriter]:
        from outlay.warehouses.lake.parquet import PartitionWriter

        writer = PartitionWriter(self._root, self._options, source, self.compression, delivery)
        try:
            yield writer
        except BaseException:
            writer.discard()
            raise

    # -- where it is -------------------------------------------------------------------------------

    @property
    def _root(self) -> str:
        folder = self.path.rstrip("/") + "/charges"
        return folder if is_remote(folder) else str(Path(folder).absolute())

    @property
    def _options(self) -> dict[str, str]:
        options = {key: value.get_secret_value() for key, value in self.storage_options.items()}
        if self.path.startswith("s3://"):
            options.setdefault("conditional_put", "etag")
        return options

    @contextmanager
    def _reported(self, verb: str, rows: Rows | None = None) -> Iterator[None]:
        """Make one sentence that names the store of what libraries raise; `rows` raise their own errors."""
        import duckdb
        from deltalake.exceptions import DeltaError

        known: tuple[type[Exception], ...] = (DeltaError, duckdb.Error, *faults(self.path))
        try:
            yield
        except OutlayError:
            raise
        except known as error:
            if rows is not None and error is rows.error:
                raise
            raise StoreError(f"cannot {verb} the lake at {self.path}: {plain(error)}") from error
