"""Failed attempts: each client that goes on failing waits longer for its answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

FREE = 3  # mistakes that cost nothing
FIRST_SECONDS, LAST_SECONDS = 0.25, 5.0
FORGIVEN_SECONDS = 300.0  # after so long without another one
CLIENTS_MAX = 10_000


class Failures:
    """How often each client failed of late. For one thread: the event loop's.

    A right key is never made to wait: behind a proxy all clients can look like one.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._found: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def delay(self, client: str) -> float:
        """Note one more failure; the seconds that its answer has to wait."""
        at = self._clock()
        count, last = self._found.pop(client, (0, at))
        count = 1 if at - last > FORGIVEN_SECONDS else count + 1
        self._found[client] = (count, at)
        if len(self._found) > CLIENTS_MAX:
            self._found.popitem(last=False)
        over = min(count - FREE, 16)
        return min(FIRST_SECONDS * 2.0 ** (over - 1), LAST_SECONDS) if over > 0 else 0.0
