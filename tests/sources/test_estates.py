"""Bills that other people's generators make: what is collected of them is what an independent sum makes of them.

koku-nise is a program of its own, in an environment of its own (`.venv/nise`, or where OUTLAY_NISE points): made of
requirements/nise.txt. focus-data-toolkit is one of the tools of the tests.
"""

from __future__ import annotations

import csv
import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path
from typing import Any

import pytest

from outlay.core.ports import Source
from outlay.core.span import Period, Window
from outlay.sources.aws_export import AwsExport
from outlay.sources.files import Files

HERE = Path(__file__).parent
NISE = Path(os.environ.get("OUTLAY_NISE", HERE.parents[1] / ".venv" / "nise"))
WINDOW = Window(Period(date(2026, 10, 1), date(2026, 10, 2)))
WIDE = Context(prec=60)

Row = Mapping[str, str]
Sums = Mapping[str, Callable[[Row], str]]  # by column of ours, what a row of the generator's has for it


@dataclass(frozen=True, slots=True)
class Estate:
    """What makes it, where its bills are, and what they should add up to.

    `program`  the generator and its arguments, in which `{folder}` is a folder that is there
    `source`   what collects them, given that folder
    `bills`    a glob of the CSV files below the folder
    """

    program: tuple[str, ...]
    source: Callable[[Path], Source]
    bills: str
    sums: Sums

    def make(self, folder: Path) -> None:
        tool, *arguments = (each.replace("{folder}", str(folder)) for each in self.program)
        home = NISE / "bin" if tool == "nise" else Path(sys.executable).parent
        if not (home / tool).exists():
            raise LookupError(f"{home / tool} is not there: install requirements/nise.txt into {NISE}")
        env = {**os.environ, "PYTHONPATH": str(HERE / "nise"), "PYTHONHASHSEED": "0"}
        command = [str(home / tool), *arguments]
        done = subprocess.run(command, check=False, cwd=folder, env=env, capture_output=True, text=True)
        assert not done.returncode, done.stderr

    def rows(self, folder: Path) -> Iterator[Row]:
        for path in folder.glob(self.bills):
            with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
                yield from csv.DictReader(file)


def nise(provider: str, *arguments: str) -> tuple[str, ...]:
    return ("nise", "report", provider, "-s", "2026-09-30", "-e", "2026-10-02", *arguments)


def focus(provider: str) -> tuple[str, ...]:
    chosen = ("--provider", provider, "--focus-version", "1.2", "--rows", "2000", "--seed", "7")
    return ("focus-toolkit", "generate", *chosen, "--out", "{folder}/bills")


def amortised(row: Row) -> str:
    covered = row["lineItem/LineItemType"] == "SavingsPlanCoveredUsage"
    return row["savingsPlan/SavingsPlanEffectiveCost" if covered else "lineItem/UnblendedCost"]


def column(name: str) -> Callable[[Row], str]:
    return lambda row: row[name]


AWS = ("--aws-s3-bucket-name", "{folder}/bills", "--aws-s3-report-name", "daily", "--aws-s3-report-prefix", "cur")
AZURE = ("--azure-container-name", "{folder}/bills", "--azure-report-name", "daily", "--azure-report-prefix", "costs")
CUR: Sums = {"billed_cost": column("lineItem/UnblendedCost"), "effective_cost": amortised}
FOCUS: Sums = {
    "billed_cost": column("BilledCost"),
    "effective_cost": column("EffectiveCost"),
    "contracted_cost": column("ContractedCost"),
    "list_cost": column("ListCost"),
    "consumed_quantity": column("ConsumedQuantity"),
}


def export(folder: Path) -> Source:
    return AwsExport(path=str(folder / "bills"))


def files(below: str = "") -> Callable[[Path], Source]:
    return lambda folder: Files(path=str(folder / "bills" / below))


ESTATES = {
    "aws-export": Estate(nise("aws", *AWS), export, "bills/**/*.csv.gz", CUR),
    "aws-files": Estate(nise("aws", *AWS), files(), "bills/**/*.csv.gz", CUR),
    "aws-marketplace": Estate(nise("aws-marketplace", *AWS), export, "bills/**/*.csv.gz", CUR),
    "azure": Estate(nise("azure", *AZURE), files(), "bills/**/*.csv", {"billed_cost": column("CostInBillingCurrency")}),
    "oci": Estate(
        nise("oci", "--oci-local-bucket", "{folder}/bills"),
        files("report_cost*.csv"),
        "bills/report_cost*.csv",
        {"billed_cost": column("cost/myCost")},
    ),
    **{f"focus-{each}": Estate(focus(each), files(), "bills/*.csv", FOCUS) for each in ("aws", "azure", "gcp")},
}


@pytest.fixture(params=ESTATES)
def estate(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Estate, Path]:
    chosen = ESTATES[request.param]
    (tmp_path / "bills").mkdir()
    chosen.make(tmp_path)
    return chosen, tmp_path


def test_what_is_collected_adds_up(estate: tuple[Estate, Path]) -> None:
    chosen, folder = estate
    expected: dict[str, Any] = dict.fromkeys(chosen.sums, Decimal(0)) | {"rows": 0}
    for row in chosen.rows(folder):
        expected["rows"] += 1
        for name, of in chosen.sums.items():
            expected[name] = WIDE.add(expected[name], rounded(of(row)))

    source = chosen.source(folder)
    found: dict[str, Any] = dict.fromkeys(chosen.sums, Decimal(0)) | {"rows": 0}
    for span in source.spans(WINDOW):
        for batch in source.fetch(span):
            found["rows"] += batch.num_rows
            for name in chosen.sums:
                for amount in batch.column(name).drop_null().to_pylist():
                    found[name] = WIDE.add(found[name], amount)

    assert found == expected
    assert expected["rows"] > 0


def rounded(text: str) -> Decimal:
    """An amount as it is kept: of generators that have more digits, the first eighteen places."""
    return Decimal(text or 0).quantize(Decimal(1).scaleb(-18), ROUND_HALF_UP, WIDE)
