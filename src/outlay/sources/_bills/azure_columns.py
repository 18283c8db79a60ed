"""The columns of one Azure cost file, found by what they mean and read as DuckDB SQL.

One column has many names: `MeterCategory`, `meterCategory`, and in files of another language its own words with
the English name in brackets, `Kategorie der Verbrauchseinheit (MeterCategory)`. The letters and digits of the English
name are its key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from outlay.objects import identifier
from outlay.sources._bills.cur_columns import DECIMAL, MAP, TEXT, TIME, key

Order = Literal["auto", "mdy", "dmy"]

_BRACKETED = re.compile(r"\(([A-Za-z0-9 _]+)\)?\s*$")  # some tools lose the last bracket
_REPEATED = re.compile(r"#\d+$")  # what tells a header's second column of a name from its first

# Days in other forms than 2026-10-31, by what comes first; dots are German wherever they stand.
_FORMATS: Mapping[str, str] = {
    "mdy": "['%m/%d/%Y', '%d.%m.%Y', '%m-%d-%Y', '%Y%m%d']",
    "dmy": "['%d/%m/%Y', '%d.%m.%Y', '%d-%m-%Y', '%Y%m%d']",
}
_NOTHING = ("n/a", "not applicable", "null", "unassigned")  # what files say where they have nothing to say


def english(name: str) -> str:
    """The key of a column's name: its English name in lower case, letters and digits only."""
    plain = _REPEATED.sub("", name)
    bracketed = _BRACKETED.search(plain)
    return key(bracketed[1] if bracketed else plain)


class Columns:
    """A file's columns by key. Every method answers with SQL, null where the file has nothing."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        """`columns`: names and DuckDB types as they stand in the file."""
        self._columns: dict[str, tuple[str, str]] = {}
        for name, kind in columns.items():
            self._columns.setdefault(english(name), (name, kind.upper()))

    def has(self, *keys: str) -> bool:
        return self._columns.keys() >= set(keys)

    def text(self, *keys: str) -> str:
        """The first of the columns that is not empty."""
        return _first(TEXT, (_text(*each) for each in self._found(keys)))

    def word(self, *keys: str) -> str:
        """The same, where files say `Unassigned` for nothing."""
        nothing = "|".join(_NOTHING)
        texts = (_text(*each) for each in self._found(keys))
        return _first(
            TEXT, (f"CASE WHEN NOT regexp_full_match({text}, '(?i){nothing}') THEN {text} END" for text in texts)
        )

    def amount(self, *keys: str) -> str:
        """Money or a quantity: null where it is no number. A comma is a decimal mark, as Azure groups no digits."""
        return _first(DECIMAL, (_decimal(*each) for each in self._found(keys)))

    def day(self, order: Order, *keys: str) -> str:
        """The day of the first column that is not empty, at midnight in UTC: null where it is none."""
        texts = [_day(*each, order, self._day_first()) for each in self._found(keys)]
        return _first(TIME, texts)

    def json(self, *keys: str) -> str:
        """A JSON object as text: Azure leaves off its braces."""
        text = self.text(*keys)
        return f"CASE WHEN {text} LIKE '{{%' THEN {text} ELSE '{{' || {text} || '}}' END"

    def tags(self, *keys: str) -> str:
        """A map, without empty values; what is no JSON object is kept whole."""
        text, known = self.text(*keys), [kind for _, kind in self._found(keys)]
        if known and known[0].startswith("MAP"):
            return f"{identifier(self._found(keys)[0][0])}::{MAP}"
        entries = f"map_entries(TRY(from_json({self.json(*keys)}, '\"{MAP}\"')))"
        filled = f"map_from_entries(list_filter({entries}, lambda tag: tag.value <> ''))"
        return f"CASE WHEN {text} IS NOT NULL THEN coalesce({filled}, MAP {{'x_tags': {text}}}) END"

    def _found(self, keys: Iterable[str]) -> list[tuple[str, str]]:
        return [self._columns[wanted] for wanted in keys if wanted in self._columns]

    def _day_first(self) -> str:
        """Whether a row writes the day first: a billing period ends on the 28th to the 31st, which is no month."""
        ends = (_text(*each) for each in self._found(["billingperiodenddate", "billingperiodend"]))
        return f"coalesce(TRY_CAST(split_part({_first(TEXT, ends)}, '/', 1) AS INTEGER) > 12, FALSE)"


def _first(kind: str, sqls: Iterable[str]) -> str:
    found = list(sqls)
    if not found:
        return f"NULL::{kind}"
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"


def _text(name: str, kind: str) -> str:
    column = identifier(name)
    return f"NULLIF(trim({column if kind == TEXT else f'CAST({column} AS {TEXT})'}), '')"


def _decimal(name: str, kind: str) -> str:
    if kind == DECIMAL:
        return identifier(name)
    text = _text(name, kind)
    # A double goes through its text, the shortest that reads back the same: cast as it is, it loses digits.
    if kind != TEXT:
        return f"TRY_CAST({text} AS {DECIMAL})"
    american = f"strpos({text}, '.') > strpos({text}, ',')"
    points = f"CASE WHEN {american} THEN replace({text}, ',', '') ELSE replace(replace({text}, '.', ''), ',', '.') END"
    return f"TRY_CAST(CASE WHEN contains({text}, ',') THEN {points} ELSE {text} END AS {DECIMAL})"


def _day(name: str, kind: str, order: Order, day_first: str) -> str:
    if kind != TEXT:
        moment = identifier(name) if kind.startswith("TIMESTAMP") else f"{identifier(name)}::TIMESTAMP"
        return f"date_trunc('day', {moment}::{TIME})"
    text = _text(name, kind)
    american, other = (f"try_strptime(split_part({text}, ' ', 1), {_FORMATS[each]})" for each in ("mdy", "dmy"))
    if order == "auto":
        american = f"CASE WHEN {day_first} THEN {other} ELSE {american} END"
    written = other if order == "dmy" else american
    iso = f"regexp_matches({text}, '^\\d{{4}}-\\d\\d-\\d\\d')"
    return f"CASE WHEN {iso} THEN TRY_CAST({text}[:10] AS {TIME}) ELSE {written}::{TIME} END"
