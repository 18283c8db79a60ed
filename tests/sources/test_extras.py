"""Clouds' own libraries are extras: without them files are collected, and a source that needs one says which."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from outlay.collect import Ask, refresh
from outlay.core import plugins
from outlay.core.errors import SourceError
from outlay.core.ports import Source
from outlay.core.span import Window
from outlay.state import State
from outlay.warehouses.lake import Lake
from tests.clouds.months import ASKED
from tests.sources.bills.focus_bills import charge, write

LIBRARIES = ("boto3", "botocore", "azure.identity", "azure.storage.blob", "google.cloud.bigquery", "oci")
KEY = {"tenant_id": "11111111-1111-1111-1111-111111111111", "client_id": "app", "client_secret": "s3cret"}
EXPORT = {"storage_account": "costs", "container": "exports"}
OCI = {"tenancy": "ocid1.tenancy.oc1..a", "user": "ocid1.user.oc1..b", "fingerprint": "aa:bb", "key_content": "x"}

NEEDY: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "aws": ("aws", {}, "aws"),
    "aws-export": ("aws-export", {"path": "s3://bills/exports"}, "aws"),
    "azure by exports": ("azure", {**KEY, "export": EXPORT}, "azure"),
    "azure by queries": ("azure", {**KEY, "subscription_id": "22222222-2222-2222-2222-222222222222"}, "azure"),
    "gcp": ("gcp", {"project_id": "billing", "dataset": "billing"}, "gcp"),
    "oci": ("oci", {**OCI, "region": "eu-frankfurt-1"}, "oci"),
}


@pytest.fixture(autouse=True)
def _without_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in LIBRARIES:
        for name in [library, *(each for each in sys.modules if each.startswith(f"{library}."))]:
            monkeypatch.setitem(sys.modules, name, None)
        parent, _, child = library.rpartition(".")
        if parent in sys.modules:  # `from google.cloud import bigquery` looks there first
            monkeypatch.delattr(sys.modules[parent], child, raising=False)


@pytest.mark.parametrize("what", NEEDY)
def test_a_source_says_what_to_install(what: str) -> None:
    plugin, settings, extra = NEEDY[what]
    source: Source = plugins.load("sources", plugin).model_validate(dict(settings))
    with pytest.raises(SourceError, match=rf"pip install 'outlay\[{extra}\]'"):
        source.test()
    with pytest.raises(SourceError, match=rf"pip install 'outlay\[{extra}\]'"):
        [batch for span in source.spans(Window(ASKED)) for batch in source.fetch(span)]


def test_files_are_collected_beside_a_source_that_lacks_its_library(tmp_path: Path) -> None:
    path = write(tmp_path / "bill.csv", charge())
    files: Source = plugins.load("sources", "files").model_validate({"path": str(path)})
    aws: Source = plugins.load("sources", "aws").model_validate({})
    state = State(f"sqlite:///{tmp_path}/state.db")
    runs = refresh([files, aws], Lake(path=str(tmp_path / "lake")), state, Ask())
    state.close()
    assert {run.source: run.error is None for run in runs} == {"files": True, "aws": False}
