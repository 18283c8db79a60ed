"""deploy/prometheus by promtool: the files are valid, and alerts fire when they should."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.servers_prometheus import promtool

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"


def test_the_rules_are_valid() -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint-fatal", "outlay.rules.yml", cwd=FOLDER)


def test_they_fire_when_they_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", "rules_test.yml", cwd=FOLDER)


def test_every_alert_is_tested_by_one_that_fires() -> None:
    groups = yaml.safe_load((FOLDER / "outlay.rules.yml").read_text())["groups"]
    tests = yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]
    fired = {case["alertname"] for each in tests for case in each["alert_rule_test"] if case.get("exp_alerts")}
    assert {rule["alert"] for group in groups for rule in group["rules"]} == fired


@pytest.mark.parametrize("commented", [True, False])
def test_the_configuration_is_valid(tmp_path: Path, commented: bool) -> None:
    text = (FOLDER / "prometheus.yml").read_text()
    shutil.copy(FOLDER / "outlay.rules.yml", tmp_path)
    whole = text.replace("# - ", "- ").replace("  #   ", "    ").replace("# authorization", "authorization")
    (tmp_path / "prometheus.yml").write_text(text if commented else whole)  # what is commented out is valid, too
    said = promtool("check", "config", "--syntax-only", "prometheus.yml", cwd=tmp_path)
    assert "SUCCESS" in said
