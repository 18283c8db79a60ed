"""Names: which sources, and whose money, a word in a path stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from outlay.core.errors import choices
from outlay.core.focus import provider_of
from outlay.core.limits import told_sources
from outlay.core.query import CostQuery, Filter
from outlay.core.span import END_MONTH, FIRST_MONTH, Period
from outlay.serve.access.who import limits

if TYPE_CHECKING:
    from outlay.core.ports import Warehouse

EVER = Period(FIRST_MONTH, END_MONTH)


@dataclass(frozen=True, slots=True)
class Names:
    """The providers, kinds and names of sources that there are.

    `kinds`  the kind of each source in the settings, such as aws or azure-sponsorship, by its name
    """

    warehouse: Warehouse
    kinds: Mapping[str, str]

    def money(self, word: str) -> Filter:
        """What keeps the charges that a word stands for: a provider's, else a source's, else those of a kind.

        Raises HTTPException (404) with the choices.
        """
        brought, kinds, provider = self._brought(), self.kinds_seen(), provider_of(word)
        if any(each == provider for each, _ in brought):
            return Filter("provider", (provider,))
        names = {source for _, source in brought} | kinds.keys()
        if sources := [each for each in names if _is_called(each, word) or kinds.get(each) == word]:
            return Filter("source", tuple(sorted(sources)))
        if any(_provider(kind) == provider for kind in kinds.values()):
            return Filter("provider", (provider,))
        raise self._unknown("provider or source", word, [*(each for each, _ in brought), *names, *kinds.values()])

    def sources(self, word: str) -> list[str]:
        """The sources in the settings that a word stands for: one of this name, else of this kind, else a provider's.

        In the order of the settings. Raises HTTPException (404) with the choices.
        """
        kinds, provider = self.kinds_seen(), provider_of(word)
        found = [each for each in kinds if _is_called(each, word)]
        if found and word in kinds:
            return found
        brought = self._brought()
        bring = {source for each, source in brought if each == provider}
        found += [each for each, kind in kinds.items() if kind == word or _provider(kind) == provider or each in bring]
        if not found:
            providers = {each for each, source in brought if source in kinds}
            raise self._unknown("source or provider in the settings", word, [*providers, *kinds, *kinds.values()])
        return [each for each in kinds if each in found]

    def kinds_seen(self) -> dict[str, str]:
        """The kinds of sources, of those that whoever asks may see."""
        may = told_sources(limits())
        return {name: kind for name, kind in self.kinds.items() if may is None or name in may}

    def _brought(self) -> set[tuple[str, str]]:
        """Every pair of a provider and a source that there are charges of."""
        found = self.warehouse.query(CostQuery(EVER, ("provider", "source"))).to_pylist()
        return {(row["provider"], row["source"]) for row in found if row["provider"] is not None}

    @staticmethod
    def _unknown(what: str, word: str, known: Sequence[str]) -> HTTPException:
        return HTTPException(404, choices(what, word[:80], sorted(set(known))))


def _provider(kind: str) -> str:
    """Whose bills sources of a kind read: azure's for azure-sponsorship."""
    return provider_of(kind.partition("-")[0])


def _is_called(source: str, word: str) -> bool:
    """Whether a source has this name, or is one of the accounts of the source of this name."""
    return source == word or source.startswith(f"{word}.")
