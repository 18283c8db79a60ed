"""For all tests: how fast one is says nothing (that is for benchmarks/), so Hypothesis does not count seconds."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("outlay", deadline=None)
settings.load_profile("outlay")
