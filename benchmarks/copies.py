"""The fastest way that PostgreSQL itself has for a bill: one COPY of the CSV into a bare table.

As a child process: `python -m benchmarks.copies BILL URL` prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from outlay.core.focus import FOCUS

_KINDS = {"decimal": "NUMERIC(38,18)", "timestamp": "TIMESTAMPTZ", "tags": "JSONB"}


def measure(path: str, url: str) -> dict[str, Any]:
    """The seconds of the COPY. The table has the bill's columns in our types, no index and no partition."""
    import psycopg

    columns = ", ".join(f"{column.name} {_KINDS.get(column.kind, 'TEXT')}" for column in FOCUS)
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE TABLE plain ({columns})")
        connection.commit()
        started = time.perf_counter()
        connection.execute(f"COPY plain FROM PROGRAM 'gzip -dc {path}' (FORMAT csv, HEADER)")
        connection.commit()
        seconds = time.perf_counter() - started
        rows, cost = connection.execute("SELECT count(*), sum(billed_cost) FROM plain").fetchall()[0]
        connection.execute("DROP TABLE plain")
    return {"seconds": seconds, "rows": rows, "cost": f"{cost:f}"}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(*sys.argv[1:])))
