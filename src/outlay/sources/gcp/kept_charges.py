"""The charges of one query, kept for a while as an Arrow IPC stream, if they are not too many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from outlay.core.errors import UnreachableError
from outlay.core.focus import schema

if TYPE_CHECKING:
    import pyarrow as pa

    from outlay.core.ports import Ledger
    from outlay.sources.gcp.running import Question

BYTES_MAX = 16 * 2**20  # compressed: some hundred thousand charges


def key_of(question: Question, *beside: object) -> str:
    """A text that is another one for every other query, for other values bound to it, and for all else beside it."""
    bound = [each.to_api_repr() for each in question.config.query_parameters]
    return json.dumps(["query", question.text, bound, question.location, *map(str, beside)])


def kept(ledger: Ledger, key: str) -> Iterator[pa.RecordBatch] | None:
    """The charges kept under this key, batch by batch; None where there are none."""
    import pyarrow as pa

    found = ledger.kept(key)
    if not found:
        return None
    try:
        reader = pa.ipc.open_stream(found)
    except pa.ArrowException:
        return None
    return _read(ledger, key, reader) if reader.schema.equals(schema()) else None


def keeping(ledger: Ledger, key: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches as they come, kept once the last of them came, unless that makes more than BYTES_MAX bytes."""
    import pyarrow as pa

    sink: Any = pa.BufferOutputStream()
    writer: Any = pa.ipc.new_stream(sink, schema(), options=pa.ipc.IpcWriteOptions(compression="zstd"))
    for batch in batches:
        if writer is not None:
            writer.write_batch(batch)
            if sink.tell() > BYTES_MAX:
                writer = sink = None
        yield batch
    if writer is not None:
        writer.close()
        ledger.keep(key, sink.getvalue().to_pybytes(), briefly=True)


def _read(ledger: Ledger, key: str, reader: Any) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    try:
        yield from reader
    except pa.ArrowException:
        ledger.keep(key, b"", briefly=True)
        raise UnreachableError("the charges kept of an earlier query cannot be read; collect again") from None
