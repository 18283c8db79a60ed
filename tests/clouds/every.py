"""Every stand-in there is, by name. A new source adds its module here and is tested like all others."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from tests.clouds.cloud import Charge, Cloud

NAMES = ("aws", "aws-export", "azure", "azure-query", "azure-sponsorship", "gcp", "heroku", "oci")


def start(name: str) -> Cloud:
    """The stand-in, started."""
    cloud: Cloud = import_module(f"tests.clouds.{name.replace('-', '_')}").start()
    return cloud


def told(cloud: Cloud, charges: Sequence[Charge]) -> Sequence[Charge]:
    """The charges as the provider's API can tell them: some have no days for credits, or nothing but usage."""
    found: Sequence[Charge] = getattr(cloud, "told", lambda given: given)(charges)
    return found
