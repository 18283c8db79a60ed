"""The way most cost tools load a bill: pandas reads the CSV, and each row is an upsert through SQLAlchemy.

As a child process: `python -m benchmarks.rows BILL URL ROWS` prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from outlay.core.focus import FOCUS

ROWS = 10_000  # they take as long each, however many there are
ROWS_PER_COMMIT = 1_000
KEY = ("charge_period_start", "provider_name", "service_name", "resource_id", "sku_id", "charge_category", "copy")


def measure(path: str, url: str, rows: int) -> dict[str, Any]:
    """The seconds from the file to the last commit."""
    import pandas as pd
    import sqlalchemy as sa
    from sqlalchemy.dialects.postgresql import insert

    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    table = _table()
    table.metadata.create_all(engine)
    names = {column.spec: column.name for column in FOCUS}
    started = time.perf_counter()
    frame = pd.read_csv(path, nrows=rows, dtype=str).rename(columns=names)
    frame = frame.astype(object).where(frame.notna(), None)
    with engine.connect() as connection:
        for number, (_, row) in enumerate(frame.iterrows()):
            values = {**row.to_dict(), "copy": number}
            statement = insert(table).values(values)
            changed = {name: statement.excluded[name] for name in ("billed_cost", "effective_cost", "tags")}
            connection.execute(statement.on_conflict_do_update(index_elements=KEY, set_=changed))
            if (number + 1) % ROWS_PER_COMMIT == 0:
                connection.commit()
        connection.commit()
        seconds = time.perf_counter() - started
        stored = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
    if stored != rows:
        raise AssertionError(f"{stored} of {rows} rows")
    return {"seconds": seconds, "rows": rows}


def _table() -> Any:
    """A table of the bill's columns with the key that an upsert needs. `copy` keeps rows apart that have the same."""
    import sqlalchemy as sa

    kinds: dict[str, Any] = {"decimal": sa.Numeric, "timestamp": sa.DateTime(timezone=True)}
    columns = [sa.Column(column.name, kinds.get(column.kind, sa.Text)) for column in FOCUS]
    copy = sa.Column("copy", sa.Integer)
    return sa.Table("rows", sa.MetaData(), *columns, copy, sa.UniqueConstraint(*KEY))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
