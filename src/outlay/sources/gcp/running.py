"""Running one query: told its bytes first, then held to them."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from outlay.core.errors import UnreachableError
from outlay.sources.gcp.asking import Asking

if TYPE_CHECKING:
    from google.cloud.bigquery import QueryJobConfig

MIB = 2**20
LEAST_BYTES = 10 * MIB  # that BigQuery bills for a query
ROWS_PER_PAGE = 5000
QUERY_SECONDS_MAX = 600.0


class Question(NamedTuple):
    """A query, what is bound to it, and the location where it runs (None: where BigQuery finds its table)."""

    text: str
    config: QueryJobConfig
    location: str | None


def dry_run(client: Any, asking: Asking, question: Question) -> int:
    """The bytes that a query reads, told without reading them."""
    text, config, location = question
    config.dry_run, config.use_query_cache = True, False
    with asking.plainly("jobs.insert"):
        job = client.query(text, config, location=location, retry=asking.tries("dry run"), job_retry=None)
        return int(job.total_bytes_processed)


def billed_bytes(size: int) -> int:
    """The bytes that BigQuery bills: whole MiB, 10 of them at least."""
    return max(LEAST_BYTES, -(-size // MIB) * MIB)


def run(client: Any, asking: Asking, question: Question, size: int, usd: Decimal) -> Any:
    """The answer as Google's iterator of rows. BigQuery refuses the query if it would read more than `size` bytes."""
    text, config, location = question
    config.maximum_bytes_billed = size
    config.job_timeout_ms = int(QUERY_SECONDS_MAX * 1000)
    with asking.plainly("jobs.insert"):
        job = client.query(text, config, location=location, retry=asking.tries("query", usd), job_retry=None)
    with asking.plainly("jobs.getQueryResults"):
        _wait(job, asking)
        return job.result(page_size=ROWS_PER_PAGE, retry=asking.tries("rows"), job_retry=None)


def _wait(job: Any, asking: Asking) -> None:
    deadline, pause = time.monotonic() + QUERY_SECONDS_MAX, 0.05
    while not job.done(retry=asking.tries("job")):
        if time.monotonic() > deadline:
            raise UnreachableError(f"{asking.place}: the query is not done after {QUERY_SECONDS_MAX:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 5.0)
