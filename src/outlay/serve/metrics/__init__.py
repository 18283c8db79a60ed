"""/metrics for Prometheus: costs, the health of sources, and the same numbers under other people's names."""

from __future__ import annotations

from outlay.serve.metrics.exposition import CONTENT_TYPE, Exposition, Rendered, mount
from outlay.serve.metrics.options import Options
from outlay.serve.metrics.rendering import render

__all__ = ["CONTENT_TYPE", "Exposition", "Options", "Rendered", "mount", "render"]
