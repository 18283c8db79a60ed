"""deploy/icinga2/outlay.conf in a real Icinga 2, which runs the real command line and tells by its API what it saw."""

from __future__ import annotations

import getpass
import grp
import json
import os
import re
import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import trustme

from outlay.cli.check import check
from tests.deploy.conftest import placed
from tests.servers import free_port

OURS = Path(__file__).parents[2] / "deploy" / "icinga2" / "outlay.conf"
MANUAL = Path(__file__).parents[2] / "docs" / "nagios.md"
ICINGA = shutil.which("icinga2", path=f"{os.environ['PATH']}:/usr/sbin") or "icinga2"
USER, PASSWORD = "tests", "not-secret"
SECONDS_MAX = 60
OK, WARNING, CRITICAL, UNKNOWN = range(4)

MAIN = """
const NodeName = "outlay-tests"
const ZoneName = NodeName
object Endpoint NodeName {
}
object Zone ZoneName {
  endpoints = [ NodeName ]
}
object CheckerComponent "checker" {
}
object ApiListener "api" {
  bind_host = "127.0.0.1"
  bind_port = %(port)s
}
object ApiUser "%(user)s" {
  password = "%(password)s"
  permissions = [ "objects/query/*", "actions/reschedule-check" ]
}
include <itl>
include "outlay.conf"
include "site.conf"
"""

SITE = """
object Host "of no costs" {
  check_command = "dummy"
}
object Host "more" {
  check_command = "dummy"
  vars.costs["by the settings"] = {
    outlay_tag = [ "team=core" ]
    outlay_verbose = true
  }
  vars.costs["every option"] = {
    outlay_threshold = "@0:2000"
    outlay_critical = "~:3000"
    outlay_period = "month"
    outlay_currency = "USD"
    outlay_measure = "billed"
    outlay_max_age = "4w"
    outlay_timeout = 20
    outlay_provider = [ "aws", "other" ]
    outlay_source = [ "prod", "old" ]
    outlay_account = ""
    outlay_service = [ "Amazon EC2", "Amazon S3" ]
    outlay_tag = "team=core"
  }
}
"""


@dataclass(frozen=True, slots=True)
class Icinga:
    """A running Icinga 2, by its API."""

    url: str
    trust: ssl.SSLContext

    def services(self) -> dict[str, dict[str, Any]]:
        """What it knows of each service, by its name."""
        return {each["attrs"]["name"]: each["attrs"] for each in self._ask("objects/services")}

    def check_now(self) -> None:
        """Check all services at once: by itself Icinga spreads the first checks over a minute."""
        self._ask("actions/reschedule-check", {"type": "Service", "filter": "true", "force": True})

    def is_there(self) -> bool:
        """Whether it answers by now."""
        try:
            return bool(self.services())
        except URLError:
            return False

    def _ask(self, path: str, told: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        login = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Accept": "application/json"}
        body = None if told is None else json.dumps(told).encode()
        with urlopen(Request(f"{self.url}/{path}", body, headers), timeout=20, context=self.trust) as answer:
            found: list[dict[str, Any]] = json.load(answer)["results"]
            return found


def prepare(folder: Path) -> tuple[int, trustme.CA]:
    """Everything that Icinga reads, below the folder. The port of its API, and who signed its certificate."""
    port, authority = free_port(), trustme.CA()
    names = {"port": port, "user": USER, "password": PASSWORD}
    (folder / "icinga2.conf").write_text(MAIN % names)
    (folder / "outlay.conf").write_text(placed(OURS, folder))
    (folder / "site.conf").write_text(in_manual() + SITE)
    certificates = folder / "data" / "certs"
    certificates.mkdir(parents=True)
    # The name of the node is that of its certificate; the client goes by the address.
    issued = authority.issue_cert("127.0.0.1", common_name="outlay-tests")
    authority.cert_pem.write_to_path(str(certificates / "ca.crt"))
    issued.private_key_pem.write_to_path(str(certificates / "outlay-tests.key"))
    issued.cert_chain_pems[0].write_to_path(str(certificates / "outlay-tests.crt"))
    return port, authority


def in_manual() -> str:
    """The host that the manual shows."""
    found = re.search(r'```\n(object Host "clouds" \{\n.*?\n\})\n```', MANUAL.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def command(folder: Path, *more: str) -> list[str]:
    """Icinga with all that it writes below the folder, and nothing of what the system is set to."""
    places = {"ConfigDir": "", "DataDir": "data", "CacheDir": "cache", "LogDir": "log", "SpoolDir": "spool"}
    places |= {"InitRunDir": "run", "PidPath": "run/icinga2.pid"}
    for each in places.values():
        (folder / each).parent.mkdir(exist_ok=True) if "." in each else (folder / each).mkdir(exist_ok=True)
    defined = [word for name, path in places.items() for word in ("-D", f"{name}={folder / path}")]
    return [ICINGA, "daemon", *defined, "-c", str(folder / "icinga2.conf"), *more]


def environment() -> dict[str, str]:
    """Icinga gives up root for a user of its own, who could not read the folder, unless it is told who it is."""
    return {**os.environ, "ICINGA2_USER": getpass.getuser(), "ICINGA2_GROUP": grp.getgrgid(os.getgid()).gr_name}


@contextmanager
def icinga(folder: Path) -> Iterator[Icinga]:
    """Icinga with our definitions, once its API answers."""
    port, authority = prepare(folder)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    there = Icinga(f"https://127.0.0.1:{port}/v1", trust)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command(folder), stdout=output, stderr=output, env=environment())
    try:
        deadline = monotonic() + SECONDS_MAX
        while not there.is_there():
            assert process.poll() is None and monotonic() < deadline, (folder / "output").read_text()  # noqa: PT018
            sleep(0.05)
        yield there
    finally:
        process.terminate()  # it ends the processes that it has started, too
        process.wait(30)


def checked(there: Icinga) -> dict[str, dict[str, Any]]:
    """The last result of each service, once all are checked."""
    there.check_now()
    deadline = monotonic() + SECONDS_MAX
    while monotonic() < deadline:
        found = {name: each["last_check_result"] for name, each in there.services().items()}
        if all(found.values()):
            return found
        sleep(0.1)
    raise AssertionError(f"not checked: {sorted(name for name, each in found.items() if not each)}")


def test_the_definitions_are_valid_and_a_fault_in_them_is_found(folder: Path) -> None:
    prepare(folder)

    def said() -> subprocess.CompletedProcess[str]:
        wanted = command(folder, "-C")
        return subprocess.run(wanted, env=environment(), capture_output=True, text=True, timeout=60, check=False)

    whole = said()
    assert whole.returncode == 0, whole.stdout
    assert "warning/" not in whole.stdout
    assert "Instantiated 4 Services." in whole.stdout
    ours = folder / "outlay.conf"
    ours.write_text(ours.read_text().replace("check_interval", "check_intervals"))
    assert said().returncode == 1


def test_every_option_of_the_plugin_has_a_variable() -> None:
    options = {each.opts[-1].removeprefix("--") for each in check.params} - {"help"}
    assert options <= set(re.findall(r'"--([a-z-]+)" = ', OURS.read_text()))
    assert {each.replace("-", "_") for each in options} <= set(re.findall(r"\$outlay_(\w+)\$", OURS.read_text()))


def test_icinga_runs_the_plugin_and_knows_state_and_costs(folder: Path) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with icinga(folder) as there:
        found = checked(there)
        states = {name: each["state"] for name, each in there.services().items()}
    assert states == {
        "costs last day": UNKNOWN,
        "costs AWS this month": OK,
        "costs by the settings": CRITICAL,
        "costs every option": WARNING,
    }
    month = found["costs AWS this month"]
    assert month["output"].startswith("COSTS OK - 1,500.00 USD in ")
    # Icinga takes the quotes off.
    assert month["performance_data"] == ["cost=1500.00USD;;30000"]
    tagged = found["costs by the settings"]
    lines = [line.rstrip() for line in tagged["output"].splitlines()]
    assert lines == [f"COSTS CRITICAL - 1,400.00 USD on {yesterday}", "Amazon EC2: 1,400.00 USD"]
    assert tagged["performance_data"] == ["cost=1400.00USD;100;1300"]
    assert found["costs last day"]["output"].startswith("COSTS UNKNOWN - stale: the last charges of old are of ")
    assert found["costs last day"]["performance_data"] == []
    every = found["costs every option"]["command"]
    assert every.count("--provider") == every.count("--source") == every.count("--service") == 2
    assert every[every.index("--max-age") + 1] == "4w"
    assert "--verbose" not in every
