"""Log lines: one format for ours and the libraries', times in UTC, local variables never shown."""

from __future__ import annotations

import logging
import sys
from typing import IO, Any, Literal


def setup(level: str = "INFO", style: Literal["console", "json"] = "console", stream: IO[str] | None = None) -> None:
    """Send all log lines, by `logging` or structlog, to `stream` (standard error).

    `level` is ours. Libraries tell of warnings only: below, they log addresses and headers with secrets.
    """
    import structlog

    out = stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_colour,
    ]
    # Both render exceptions as plain text: the pretty ones show local variables, and those may hold secrets.
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        else [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    unwrap = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[unwrap, *last]))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("outlay").setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _without_colour(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """uvicorn says everything twice, the second time in colour."""
    event.pop("color_message", None)
    return event
