"""deploy/nagios/outlay.cfg in a real Nagios, which runs the real command line over a real store."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from outlay.warehouses.lake import Lake
from tests.charges import charge, put

OURS = Path(__file__).parents[2] / "deploy" / "nagios" / "outlay.cfg"
NAGIOS = shutil.which("nagios4", path=f"{os.environ['PATH']}:/usr/sbin") or "nagios4"
RUN = f"import sys; sys.path[:0] = {sys.path!r}; from outlay.cli import main; main()"
SECONDS_MAX = 60

SITE = """
define timeperiod {
    timeperiod_name 24x7
    alias           always
    sunday          00:00-24:00
    monday          00:00-24:00
    tuesday         00:00-24:00
    wednesday       00:00-24:00
    thursday        00:00-24:00
    friday          00:00-24:00
    saturday        00:00-24:00
}
define command {
    command_name    tell
    command_line    /bin/sh -c 'echo "$SERVICEDESC$: $SERVICEOUTPUT$" >> %(folder)s/told'
}
define command {
    command_name    tell-of-host
    command_line    /bin/true
}
define contact {
    contact_name                    nagiosadmin
    service_notification_period     24x7
    host_notification_period        24x7
    service_notification_options    w,u,c,r
    host_notification_options       d
    service_notification_commands   tell
    host_notification_commands      tell-of-host
}
define service {
    use                     outlay-costs
    host_name               clouds
    service_description     By the settings
    check_command           check_outlay_settings!--tag team=core
}
define service {
    use                     outlay-costs
    host_name               clouds
    service_description     Stale
    check_command           check_outlay!1!2!--source old
}
"""

MAIN = """
cfg_file=%(folder)s/outlay.cfg
cfg_file=%(folder)s/site.cfg
log_file=%(folder)s/nagios.log
status_file=%(folder)s/status.dat
object_cache_file=%(folder)s/objects.cache
precached_object_file=%(folder)s/objects.precache
command_file=%(folder)s/nagios.cmd
query_socket=%(folder)s/nagios.qh
lock_file=%(folder)s/nagios.lock
temp_file=%(folder)s/nagios.tmp
temp_path=%(folder)s
check_result_path=%(folder)s/results
state_retention_file=%(folder)s/retention.dat
nagios_user=%(user)s
nagios_group=%(user)s
interval_length=1
status_update_interval=1
max_check_result_reaper_time=5
check_result_reaper_frequency=1
service_inter_check_delay_method=n
host_inter_check_delay_method=n
execute_service_checks=1
execute_host_checks=0
enable_notifications=1
illegal_macro_output_chars=`~$&|'"<>
"""


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


@contextmanager
def nagios(folder: Path) -> Iterator[None]:
    """Nagios with our definitions as they are, but for where things are."""
    ours = OURS.read_text().replace("/opt/outlay/bin/outlay", f"{folder}/outlay")
    (folder / "outlay.cfg").write_text(ours.replace("/etc/outlay/outlay.yaml", f"{folder}/outlay.yaml"))
    names = {"folder": str(folder), "user": getpass.getuser()}
    (folder / "site.cfg").write_text(SITE % names)
    (folder / "nagios.cfg").write_text(MAIN % names)
    (folder / "results").mkdir()
    subprocess.run([NAGIOS, "-v", folder / "nagios.cfg"], check=True, capture_output=True, timeout=60)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen([NAGIOS, folder / "nagios.cfg"], stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def checked(folder: Path, services: int) -> dict[str, dict[str, str]]:
    """What Nagios knows of each service, once all are checked."""
    deadline = monotonic() + SECONDS_MAX
    found: dict[str, dict[str, str]] = {}
    while monotonic() < deadline and len(found) < services:
        sleep(0.2)
        status = (folder / "status.dat").read_text() if (folder / "status.dat").exists() else ""
        blocks = re.findall(r"servicestatus \{\n(.*?)\n\t\}", status, re.DOTALL)
        values = [dict(line.strip().split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]
        found = {each["service_description"]: each for each in values if each["has_been_checked"] == "1"}
    return found


def told(folder: Path, lines: int) -> list[str]:
    """What the contact was told, once it was so many things."""
    deadline = monotonic() + SECONDS_MAX
    file = folder / "told"
    while monotonic() < deadline and (not file.exists() or len(file.read_text().splitlines()) < lines):
        sleep(0.2)
    return sorted(file.read_text().splitlines())


def test_nagios_runs_the_plugin_and_tells_people(folder: Path) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with nagios(folder):
        found = checked(folder, 4)
        people = told(folder, 3)
    states = {name: each["current_state"] for name, each in found.items()}
    assert states == {"Costs of the last day": "3", "AWS this month": "0", "By the settings": "2", "Stale": "3"}
    month = found["AWS this month"]
    assert month["plugin_output"].startswith("COSTS OK - 1,500.00 USD in ")
    assert month["performance_data"] == "'cost'=1500.00USD;20000;30000;0;"
    tagged = found["By the settings"]
    assert tagged["plugin_output"] == f"COSTS CRITICAL - 1,400.00 USD on {yesterday}"
    assert tagged["performance_data"] == "'cost'=1400.00USD;100;1300;0;"
    assert found["Stale"]["plugin_output"].startswith("COSTS UNKNOWN - stale: the last charges of old are of ")
    assert any(each.startswith("By the settings: COSTS CRITICAL - 1,400.00 USD on ") for each in people)
