"""deploy/nagios/outlay.cfg in a real Nagios, which runs the real command line over a real store."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

from tests.deploy.conftest import placed

OURS = Path(__file__).parents[2] / "deploy" / "nagios" / "outlay.cfg"
NAGIOS = shutil.which("nagios4", path=f"{os.environ['PATH']}:/usr/sbin") or "nagios4"
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


@contextmanager
def nagios(folder: Path) -> Iterator[None]:
    """Nagios with our definitions as they are, but for where things are."""
    (folder / "outlay.cfg").write_text(placed(OURS, folder))
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
    assert month["performance_data"] == "'cost'=1500.00USD;20000;30000"
    tagged = found["By the settings"]
    assert tagged["plugin_output"] == f"COSTS CRITICAL - 1,400.00 USD on {yesterday}"
    assert tagged["performance_data"] == "'cost'=1400.00USD;100;1300"
    assert found["Stale"]["plugin_output"].startswith("COSTS UNKNOWN - stale: the last charges of old are of ")
    assert any(each.startswith("By the settings: COSTS CRITICAL - 1,400.00 USD on ") for each in people)
