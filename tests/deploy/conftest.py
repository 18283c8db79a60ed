"""What the watchers' tests share: a store, settings, and the program that a watcher runs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outlay.warehouses.lake import Lake
from tests.charges import charge, put

RUN = f"import sys; sys.path[:0] = {sys.path!r}; from outlay.cli import main; main()"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Settings and a store: 1500 USD yesterday, of which the team core's are 1400; a source that is stale."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    lake = Lake(path=str(tmp_path / "lake"))
    lake.prepare()
    core: dict[str, Any] = {"tags": [("team", "core")], "service_name": "Amazon EC2"}
    put(lake, [charge(yesterday, "100"), charge(yesterday, "1400", **core)])
    put(lake, [charge(yesterday - timedelta(days=20), "5", source="old", provider="Other")])
    (tmp_path / "outlay.yaml").write_text(
        f"clouds: {{}}\nstore: {{path: {tmp_path}/lake}}\n"
        "monitoring: {thresholds: {daily: {warning: 100, critical: 1300}}}\n"
    )
    program = tmp_path / "outlay"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{RUN}" "$@"\n')
    program.chmod(0o755)
    return tmp_path


def placed(definitions: Path, folder: Path) -> str:
    """Shipped definitions as they are, but for where the program and its settings are."""
    text = definitions.read_text().replace("/opt/outlay/bin/outlay", f"{folder}/outlay")
    return text.replace("/etc/outlay/outlay.yaml", f"{folder}/outlay.yaml")
