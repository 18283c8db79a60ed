"""CONTRIBUTING.md is done as it says: its source is saved as one file, configured, collected and asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _block(language: str) -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.split("## Add a source in one file")[1]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


def test_a_source_in_one_file(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src" / "outlay", tmp_path / "src" / "outlay", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "src" / "outlay" / "sources" / "flat.py").write_text(_block("python"))
    (tmp_path / "outlay.yaml").write_text(_block("yaml"))
    commands = [line.split() for line in _block("sh").splitlines()]
    assert [command[1] for command in commands] == ["test-auth", "collect", "costs"]

    outputs = [_run(command[1:], tmp_path) for command in commands]
    assert "Figma: 45.00 USD a month" in outputs[0]
    assert outputs[2].count("45.00") == 3
    assert "135.00" in outputs[2]

    answer = json.loads(_run([*commands[2][1:], "--format", "json"], tmp_path))
    assert answer["totals"] == {"USD": "135"}
    assert [row["month"] for row in answer["rows"]] == ["2026-01-01", "2026-02-01", "2026-03-01"]


def _run(arguments: list[str], folder: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(
        [sys.executable, "-c", "from outlay.cli import main; main()", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
