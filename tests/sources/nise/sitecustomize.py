"""Python runs this before a program whose PYTHONPATH has its folder: chance comes out the same in every run."""

from __future__ import annotations

import random
import uuid

SEED = 20_261_001


class _Seeded(random.Random):
    def __init__(self, x: int | float | str | bytes | bytearray | None = SEED) -> None:
        super().__init__(SEED if x is None else x)


_rest = _Seeded()
random.seed(SEED)
random.Random = _Seeded  # type: ignore[misc] # for libraries with chance of their own
uuid.uuid4 = lambda: uuid.UUID(int=_rest.getrandbits(128), version=4)
