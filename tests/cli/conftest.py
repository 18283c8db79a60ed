"""A folder of its own with a clean environment, and the command line: in this process, and in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from outlay.cli import main

RUN = f"import sys; sys.path[:0] = {sys.path!r}; from outlay.cli import main; main()"
CLOUDS = ("AWS_", "AZURE_", "GCP_", "HEROKU_")
ENVIRONMENT = (*CLOUDS, "DB_", "OUTLAY", "LOG_LEVEL", "LOOKBACK", "BACKFILL", "PORT", "COLUMNS")


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Outlay = Callable[..., Done]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and nothing of ours in the environment."""
    for name in os.environ:
        if name.startswith(ENVIRONMENT):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def outlay(capsys: pytest.CaptureFixture[str]) -> Outlay:
    """`outlay ARGUMENTS` in this process."""

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        said = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return told(Done(code, said.out, said.err))

    return run


def process(*arguments: str, **how: Any) -> Done:
    """`outlay ARGUMENTS` in a process of its own, as the shell starts it."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120, check=False, **how)
    return told(Done(done.returncode, done.stdout, done.stderr))


def command(*arguments: str) -> Sequence[str]:
    """What starts the command line."""
    return [sys.executable, "-c", RUN, *arguments]


def told(done: Done) -> Done:
    """The same, which said what is wrong in words and not with a stack."""
    assert "Traceback" not in done.err
    assert "Traceback" not in done.out
    return done
