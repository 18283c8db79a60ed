"""A server to start as a process: `python -m tests.serve.program FOLDER KIND`, for tests of its end.

`/slow?seconds=N` answers after that time. KIND `obedient`: a collection that runs until it is told to stop;
`stubborn`: one whose worker thread never listens.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from outlay.core.errors import OutlayError
from outlay.serve import logs
from outlay.serve.app import create_app, run
from outlay.state import State
from outlay.warehouses.lake import Lake


def obedient(_source: str, stop: threading.Event) -> None:
    """Runs until told to stop."""
    stop.wait(60)


def stubborn(_source: str, _stop: threading.Event) -> None:
    """Runs for a minute, whatever it is told, in a thread that Python would wait for."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(time.sleep, 60).result()


def main(folder: str, kind: str, port: str, grace_seconds: str) -> int:
    """Serve until told to stop."""
    logs.setup("INFO", "json")
    lake = Lake(path=f"{folder}/lake")
    lake.prepare()
    state = State(f"sqlite:///{folder}/state.db")
    collect = {"obedient": obedient, "stubborn": stubborn}[kind]
    app = create_app(lake, state, sources=["aws"], collect=collect, schedule="0 0 1 1 *")

    @app.get("/slow")
    def slow(seconds: float) -> str:
        print("slow", flush=True)
        time.sleep(seconds)
        return "done"

    try:
        return run(app, "127.0.0.1", int(port), grace_seconds=int(grace_seconds))
    except OutlayError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
