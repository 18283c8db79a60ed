"""`outlay keys`: a key shown once, listed without it, revoked; and a server that refuses strangers without one."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from pydantic import SecretStr

from outlay.cli import main
from outlay.cli.serve import _refuse_strangers
from outlay.core.access import ApiKey, Oidc
from outlay.core.errors import UsageError
from outlay.core.settings import Api
from outlay.serve.access import Guard
from outlay.state import State

NOW = datetime(2026, 11, 21, 17, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as done:
        main([*arguments])
    return int(done.value.code or 0)


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The key that a command makes."""
    assert run("keys", "create", "--name", "ci", *arguments) == 0
    return capsys.readouterr().out.strip()


def test_a_key_is_shown_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--scope", "collect", "--expires", "90d", "--limit", "source=aws", "--limit", "tag:team=a=b")
    assert run("keys", "create", "--name", "ci", *options) == 0
    shown = capsys.readouterr()
    key = shown.out.strip()
    assert "collect, source=aws tag:team=a=b, until 20" in shown.err
    assert key not in shown.err
    with closing(State(f"sqlite:///{tmp_path}/data/state.db")) as state:
        found = state.keys.find(key)
    assert found is not None
    assert (found.name, found.scope, found.limits) == ("ci", "collect", {"source": ["aws"], "tag:team": ["a=b"]})
    assert found.expires_at is not None
    assert timedelta(days=89) < found.expires_at - datetime.now(UTC) <= timedelta(days=90)
    for form in ("table", "json"):
        assert run("keys", "list", "--format", form) == 0
        listed = capsys.readouterr().out
        assert found.id in listed
        assert key.split("_", 2)[2] not in listed


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    key = made(capsys)
    assert run("keys", "list", "--format", "json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row.pop("created_at").startswith("20")
    expected = {"id": key.split("_")[1], "name": "ci", "scope": "read", "limits": {}, "status": "active"}
    assert row == expected | dict.fromkeys(("expires_at", "revoked_at", "used_at"))


def test_revoking(capsys: pytest.CaptureFixture[str]) -> None:
    key = made(capsys).split("_")[1]
    assert run("keys", "revoke", key) == 0
    assert capsys.readouterr().err == f"revoked {key}\n"
    run("keys", "list")
    assert "revoked" in capsys.readouterr().out
    other = made(capsys).split("_")[1]
    assert run("keys", "revoke", "nope") == 2
    assert capsys.readouterr().err == f"outlay: no key named 'nope'; there are: {other}\n"


def test_no_keys_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("keys", "list") == 0
    assert capsys.readouterr() == ("", "no keys; `outlay keys create` makes one\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--limit", "service=EC2"), "no limit named 'service'; there are: source, account, tag:<key>"),
        (("--limit", "source"), "--limit 'source' is not DIMENSION=VALUE"),
        (("--limit", "source="), "--limit 'source=' is not DIMENSION=VALUE"),
        (("--limit", "tag:=x"), "no limit named 'tag:'"),
        (("--expires", "soon"), "--expires 'soon' is neither 90d, 12h, 8w, 1y nor a day"),
        (("--expires", "0d"), "--expires 0d has passed"),
        (("--expires", "99999y"), "--expires '99999y' is neither"),
        (("--expires", "2020-01-31"), "--expires 2020-01-31 has passed"),
        (("--name", " "), "--name is empty"),
    ],
)
def test_what_cannot_be_is_one_line_and_makes_nothing(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("keys", "create", "--name", "ci", *arguments) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert said in found.err
    assert run("keys", "list") == 0
    assert capsys.readouterr().out == ""


# -- the server ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_beyond_this_machine_it_does_not_start_without_keys(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("serve", "demo"):
        assert run(command, "--host", host) == 2
        said = capsys.readouterr().err
        assert f"outlay: {host} is not this machine alone" in said
        assert "`outlay keys create`" in said
        assert "--insecure" in said


def test_a_key_that_is_over_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    key = made(capsys)
    assert run("keys", "revoke", key.split("_")[1]) == 0
    capsys.readouterr()
    assert run("serve", "--host", "0.0.0.0") == 2


def status(url: str, key: str | None = None, **headers: str) -> int:
    """What is answered at an address."""
    shown = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with urlopen(Request(url, headers=shown | headers), timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


def test_a_key_of_any_kind_lets_it_start(tmp_path: Path) -> None:
    with closing(State(f"sqlite:///{tmp_path}/state.db")) as state:
        own = ApiKey(name="own", key=SecretStr("x" * 20))
        oidc = Oidc(issuer="https://login.example.com", audience=("outlay",))
        none = Guard(Api(), lambda: state.keys)
        with pytest.raises(UsageError):
            _refuse_strangers("192.0.2.1", none)
        _refuse_strangers("localhost", none)
        for guard in (
            Guard(Api(keys=(own,)), lambda: state.keys),
            Guard(Api(oidc=oidc), lambda: state.keys),
            Guard(Api(), lambda: state.keys, insecure=True),
        ):
            _refuse_strangers("192.0.2.1", guard)
        state.keys.create("ci", "read")
        _refuse_strangers("192.0.2.1", none)


def test_a_running_server_asks_for_keys_and_forgets_those_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = made(capsys)
    settings = f"store: {{path: {tmp_path}/lake}}\nstate: {{url: 'sqlite:///{tmp_path}/data/state.db'}}\n"
    (tmp_path / "outlay.yaml").write_text(f"{settings}clouds: {{files: {{path: {tmp_path}/bills/*.csv}}}}\n")
    command = [sys.executable, "-c", "from outlay.cli import main; main()", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            line = next(line for line in server.stderr if "serving on" in line)
            url = line.split("serving on ")[1].split(": ")[0]
            path = f"{url}/api/v1/costs/summary"
            assert status(f"{url}/healthz", Host="costs.example") == 200
            assert status(path) == 200  # on this machine
            assert status(path, Host="costs.example") == 401
            assert status(path, **{"X-Forwarded-For": "192.0.2.9"}) == 401
            assert status(path, key, Host="costs.example") == 200
            assert status(path, "wrong") == 401
            assert run("keys", "revoke", key.split("_")[1]) == 0
            assert status(path, key) == 401
        finally:
            server.terminate()
            server.stderr.read()
