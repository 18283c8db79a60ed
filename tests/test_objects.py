"""DuckDB as everybody gets it: silent, in UTC, and offline."""

from __future__ import annotations

import subprocess
import sys

ASKED = """
from outlay.objects import connect

con = connect()
for each in (con, con.cursor()):
    for name in ("enable_progress_bar", "TimeZone", "autoinstall_known_extensions", "autoload_known_extensions"):
        print(each.execute(f"SELECT current_setting('{name}')").fetchone()[0])
"""


def test_settings_hold_where_python_counts_as_interactive_too() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "UTC", "False", "False"] * 2
