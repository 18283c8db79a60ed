"""A ledger that keeps whatever it is given, as the one in front of a cache does."""

from __future__ import annotations

from outlay.core.ledger import Tally


class Keeping(Tally):
    """Keeps what is kept briefly, too. `answers`: by key."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, bytes] = {}

    def kept(self, key: str) -> bytes | None:
        """The answer kept under this key."""
        return self.answers.get(key)

    def keep(self, key: str, answer: bytes, *, briefly: bool = False) -> None:
        """Keep an answer; an empty one takes it back."""
        self.answers[key] = answer
        if not answer:
            del self.answers[key]
