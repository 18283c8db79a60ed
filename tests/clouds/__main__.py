"""All providers at once on 127.0.0.1, and the settings that read them: `python -m tests.clouds [FOLDER]`.

Until Ctrl-C they bill three months. `outlay --config FOLDER/outlay.yaml collect` then fills one store in FOLDER.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.clouds import every
from tests.clouds.cloud import Cloud
from tests.clouds.months import ASKED, bill, given


@contextmanager
def started(names: tuple[str, ...] = every.NAMES) -> Iterator[dict[str, Cloud]]:
    """The stand-ins of these names, stopped at the end."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(closing(every.start(name))) for name in names}


def write_settings(folder: Path, clouds: Mapping[str, Cloud]) -> Path:
    """An outlay.yaml in `folder` that reads all of them into a store beside it."""
    blocks: dict[str, list[dict[str, Any]]] = {}
    for name, cloud in clouds.items():
        blocks.setdefault(cloud.plugin, []).append({"name": name, **cloud.settings()})
    settings = {"clouds": blocks, "store": {"path": str(folder / "data")}}
    file = folder / "outlay.yaml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False, width=10_000), encoding="utf-8")
    return file


def main(folder: Path) -> None:
    """Bill until told to stop."""
    stop = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    folder.mkdir(parents=True, exist_ok=True)
    with started() as clouds:
        for name, cloud in clouds.items():
            cloud.give(bill())
            total = sum(given(every.told(cloud, bill())).values())
            print(f"{name:18} {cloud.url:26} {total:>12} USD")
        file = write_settings(folder, clouds)
        print(f"\noutlay --config {file} collect --start-date {ASKED.start}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "clouds").absolute())
