"""The tables of a ClickHouse store as text: their columns, how they are kept, on one server or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from outlay.core import focus

# What hardly repeats: a dictionary of it would be as long as the column.
_RARELY_REPEATED = frozenset({"resource_id", "resource_name", "charge_description", "sku_price_details"})

# Which load brought a row. Every part of the store that is swapped at once holds rows of one load only.
LOAD = "load_id"
# Whether a charge has tags, if only none: the column itself cannot be null.
HAS_TAGS = "has_tags"
STORED = (*focus.NAMES, HAS_TAGS, LOAD)
# What a writer's tables are called while they are not the store's: rows as they come in, a month that is put together,
# and a month that is about to be swapped in.
INCOMING, STAGE, READY = "outlay_incoming_", "outlay_stage_", "outlay_ready_"
# Neither is written: the one follows from the row's billing period, the other says how the rows lie.
_MONTH = "month Date32 MATERIALIZED toDate32(toStartOfMonth(billing_period_start))"
LAYOUT = (
    "PARTITION BY (source, month)"
    " ORDER BY (charge_date, provider, ifNull(service_name, ''), ifNull(sub_account_id, ''))"
)
# What replacing, versions and cuts need to know, kept beside the rows: a few lines for each day, whatever it holds.
_DAYS = (
    f"PROJECTION days (SELECT source, month, {LOAD}, charge_date, billing_currency, cut,"
    f" sum(billed_cost), count() GROUP BY source, month, {LOAD}, charge_date, billing_currency, cut)"
)

_METRICS = """\
    timestamp DateTime64(3, 'UTC'),
    date Date32 MATERIALIZED toDate32(timestamp),
    provider LowCardinality(String),
    account LowCardinality(String),
    service LowCardinality(String),
    region LowCardinality(String),
    resource_id String,
    resource_type LowCardinality(String),
    metric LowCardinality(String),
    utilization Float64,
    unit LowCardinality(String)"""
_OPPORTUNITIES = """\
    timestamp DateTime64(3, 'UTC'),
    date Date32 MATERIALIZED toDate32(timestamp),
    provider LowCardinality(String),
    account LowCardinality(String),
    service LowCardinality(String),
    region LowCardinality(String),
    resource_id String,
    type LowCardinality(String),
    priority LowCardinality(String),
    description String,
    savings Decimal(38, 18),
    currency LowCardinality(String)"""


@dataclass(frozen=True, slots=True)
class Tables:
    """Writes the statements. `sharded`: each server has a part, in `..._local`, and a Distributed table over all."""

    database: str
    cluster: str | None = None
    replicated: bool = False
    sharded: bool = False
    compression: str = "zstd"
    currency: str = "USD"

    def name(self, table: str) -> str:
        """A table of this database, quoted."""
        return f"`{self.database}`.`{table}`"

    def local(self, table: str) -> str:
        """The table that holds a server's own rows."""
        return self.name(f"{table}_local" if self.sharded else table)

    def create_database(self) -> str:
        return f"CREATE DATABASE IF NOT EXISTS `{self.database}`{self._on_cluster}"

    def create_tables(self) -> list[str]:
        """The statements that make what is not there, in order; none of them changes what is."""
        loads = f"{LOAD} String,\n    source String,\n    identity String,\n    loaded_at DateTime DEFAULT now()"
        monthly = "PARTITION BY toYYYYMM(timestamp)"
        return [
            *self._create("charges", self._columns(), LAYOUT),
            *self._create("loads", "    " + loads, f"ORDER BY (source, {LOAD})"),
            *self._create(
                "resource_metrics",
                _METRICS,
                "PARTITION BY toYYYYMM(timestamp) ORDER BY (resource_id, metric, timestamp)",
            ),
            *self._create("optimization_opportunities", _OPPORTUNITIES, f"{monthly} ORDER BY (type, timestamp)"),
        ]

    def add_columns(self, there: set[str]) -> list[str]:
        """What gives `charges` of an older version the columns that it lacks."""
        missing = [f"ADD COLUMN IF NOT EXISTS {self._column(c)}" for c in focus.CHARGES if c.name not in there]
        tables = dict.fromkeys((self.local("charges"), self.name("charges")))
        return [f"ALTER TABLE {table}{self._on_cluster} {', '.join(missing)}" for table in tables if missing]

    def cost_metrics(self) -> str:
        """The query behind the view: every charge in the store's currency, of each day one cut of the money."""
        charges = self.name("charges")
        held = "arrayCount(word -> word IN ('service', 'region', 'sub_account', 'resource'), splitByChar(',', cut))"
        return (
            "SELECT charge_period_start AS timestamp, charge_date AS date, source, provider,"  # noqa: S608 - our own names
            " ifNull(sub_account_id, '') AS account, ifNull(service_name, '') AS service,"
            " ifNull(service_category, '') AS service_category, ifNull(region_id, '') AS region,"
            " ifNull(resource_id, '') AS resource_id, charge_category, billing_currency AS currency,"
            " billed_cost AS cost, effective_cost, tags"
            f" FROM {charges} WHERE billing_currency = '{self.currency}' AND (source, charge_date, cut) GLOBAL IN ("
            f"SELECT source, charge_date, argMin(cut, (if(cut = '', -9, -{held}), cut))"
            f" FROM (SELECT source, charge_date, cut FROM {charges} GROUP BY source, charge_date, cut)"
            " GROUP BY source, charge_date)"
        )

    def create_view(self, mark: str) -> str:
        """The statement that makes the view, or makes it anew; `mark` tells later whether that has been done."""
        view = self.name("cost_metrics")
        return f"CREATE OR REPLACE VIEW {view}{self._on_cluster} AS {self.cost_metrics()} COMMENT '{mark}'"

    def create_stage(self, name: str) -> str:
        """A table as `charges`, from which parts can be moved there: of one server, never replicated."""
        return f"CREATE TABLE {self.name(name)} AS {self.local('charges')} ENGINE = MergeTree {LAYOUT}"

    # -- how ---------------------------------------------------------------------------------------

    @property
    def _on_cluster(self) -> str:
        return f" ON CLUSTER `{self.cluster}`" if self.cluster else ""

    @property
    def _engine(self) -> str:
        if not self.replicated:
            return "MergeTree"
        return "ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')"

    def _create(self, table: str, columns: str, layout: str) -> Iterator[str]:
        local = self.local(table)
        make = "CREATE TABLE IF NOT EXISTS"
        yield f"{make} {local}{self._on_cluster} (\n{columns}\n) ENGINE = {self._engine} {layout}"
        if self.sharded:
            # Without a sharding key nothing can be inserted here: rows of a month are together on one server.
            engine = f"Distributed(`{self.cluster}`, `{self.database}`, `{table}_local`)"
            yield f"{make} {self.name(table)}{self._on_cluster} AS {local} ENGINE = {engine}"

    def _columns(self) -> str:
        columns = [self._column(column) for column in focus.CHARGES]
        more = [f"{HAS_TAGS} Bool", f"{LOAD} LowCardinality(String)", _MONTH, _DAYS]
        return ",\n".join(f"    {each}" for each in [*columns, *more])

    def _column(self, column: focus.Column) -> str:
        codec = " CODEC(ZSTD(1))" if self.compression == "zstd" else ""
        return f"{column.name} {_type(column)}{codec}"


def _type(column: focus.Column) -> str:
    kind = {
        "string": "String",
        "decimal": "Decimal(38, 18)",
        "timestamp": "DateTime64(6, 'UTC')",
        "date": "Date32",
        "boolean": "Bool",
        "tags": "Map(String, String)",
    }[column.kind]
    if column.nullable and column.kind != "tags":
        kind = f"Nullable({kind})"
    return f"LowCardinality({kind})" if column.kind == "string" and column.name not in _RARELY_REPEATED else kind
