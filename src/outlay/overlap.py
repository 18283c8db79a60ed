"""No account counted twice: a payer's source brings its members' money, so a member's own source stands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outlay.core.ports import Coverage, Covering, Replaced, Source, Warehouse
from outlay.core.query import CostQuery, Filter
from outlay.core.span import END_MONTH, FIRST_MONTH, Period, Span
from outlay.state import State


def counted_by(name: str, known: Mapping[str, Coverage]) -> str | None:
    """Which other source brings the money of source `name` already; `known` in the order of the settings.

    A payer goes before its members. Of two sources of one account, the one that sees more members, else the first.
    """
    mine = known.get(name)
    if mine is None:
        return None
    order = list(known)
    for other, theirs in known.items():
        if other == name:
            continue
        if mine.account in theirs.members and theirs.account != mine.account and theirs.account not in mine.members:
            return other
        ranks = [(-len(each.members), order.index(of)) for of, each in ((other, theirs), (name, mine))]
        if theirs.account == mine.account and ranks[0] < ranks[1]:
            return other
    return None


class Overlap:
    """What is known of whose money the sources of the settings bring. What they last told counts while they fail."""

    def __init__(self, warehouse: Warehouse, state: State, names: Sequence[str]) -> None:
        self._warehouse, self._state, self._names = warehouse, state, names

    def announce(self, source: Source) -> None:
        """Have a source tell whose money it brings. Raises SourceError."""
        told = source.covers() if isinstance(source, Covering) else None
        if told is not None and told != self._state.coverage().get(source.name):
            self._state.record_coverage(source.name, told)

    def counted_by(self, name: str) -> str | None:
        """Which other source brings the money of this one already."""
        return counted_by(name, self._known())

    def members(self, name: str) -> list[str]:
        """The sources whose money source `name` brings too."""
        known = self._known()
        return [each for each in known if counted_by(each, known) == name]

    def clear(self, name: str) -> Replaced | None:
        """Take what a source brought out of the store; None when there is nothing."""
        ever = CostQuery(Period(FIRST_MONTH, END_MONTH), (), (Filter("source", (name,)),))
        if not self._warehouse.query(ever).num_rows:
            return None
        return self._warehouse.replace(Span.of_everything(name), iter(()))

    def _known(self) -> dict[str, Coverage]:
        found = self._state.coverage()
        return {name: found[name] for name in self._names if name in found}
