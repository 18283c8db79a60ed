"""The columns of one AWS Cost and Usage Report, found by what they mean and read as DuckDB SQL.

One column has many spellings: `savingsPlan/SavingsPlanARN` in CSV, `savings_plan_savings_plan_a_r_n` in the
Parquet for Athena, `savings_plan_savings_plan_arn` in CUR 2.0. The letters and digits are always the same:
they are its key.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from outlay.core.focus import Kind
from outlay.objects import identifier, literal

TYPES: Mapping[Kind, str] = {
    "string": "VARCHAR",
    "decimal": "DECIMAL(38,18)",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "tags": "MAP(VARCHAR, VARCHAR)",
}
TEXT, DECIMAL, TIME, MAP = (TYPES[kind] for kind in ("string", "decimal", "timestamp", "tags"))
ZERO = f"0::{DECIMAL}"

TAGS = ("resourcetags", "notags")
COST_CATEGORIES = "costcategory"
_PAIRS = re.compile(r'STRUCT\("?KEY"? .+, "?VALUE"? .+\)\[\]$')  # a map, as some writers have it


class Report:
    """A report's columns by key. Every method answers with SQL, null where the report has nothing."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        """`columns`: names and DuckDB types as they stand in the file."""
        self._columns: dict[str, list[tuple[str, str]]] = {}
        self._names = _told_apart(columns)
        for name, kind in columns.items():
            self._columns.setdefault(key(self._names[name]), []).append((name, kind.upper()))

    def has(self, *keys: str) -> bool:
        return self._columns.keys() >= set(keys)

    def text(self, *keys: str) -> str:
        """The first of the columns that is not empty."""
        return _first(TEXT, (_text(*each) for each in self._found(keys)))

    def amount(self, *keys: str) -> str:
        """Money: text that is no number fails the query. `None` is what some tools write for nothing."""
        return _first(DECIMAL, (_decimal("CAST", *each) for each in self._found(keys)))

    def number(self, *keys: str) -> str:
        """A quantity or a rate: null where it is no number, or none that fits."""
        return _first(DECIMAL, (_decimal("TRY_CAST", *each) for each in self._found(keys)))

    def time(self, *keys: str) -> str:
        """A moment: text without a zone is UTC."""
        return _first(TIME, (_moment(*each) for each in self._found(keys)))

    def product(self, *attributes: str) -> str:
        """A product attribute: a column of its own, or an entry of the map of CUR 2.0."""
        own = [_text(*each) for name in attributes for each in self._found([key(f"product_{name}")])]
        maps = [_map(*each) for each in self._found(["product"])]
        entries = [f"NULLIF({each}[{literal(name)}], '')" for each in maps for name in attributes]
        return _first(TEXT, [*own, *entries])

    def tags(self) -> str:
        """Resource tags and cost categories in one map, without empty values; of a name twice, the first."""
        entries = [self._tag_columns(), *self._tag_maps()]
        found = [each for each in entries if each]
        if not found:
            return f"NULL::{MAP}"
        filled = f"list_filter(list_concat({', '.join(found)}, []), lambda tag: tag.value <> '')"
        if len(found) > 1 or not entries[0]:
            filled = _without_repeats(filled)
        return f"map_from_entries({filled})"

    def _found(self, keys: Iterable[str]) -> list[tuple[str, str]]:
        return [each for wanted in keys for each in self._columns.get(wanted, [])]

    def _tag_columns(self) -> str:
        columns: dict[str, list[str]] = {}
        for each in (each for found in self._columns.values() for each in found):
            if tag := _tag_of_column(self._names[each[0]]):
                columns.setdefault(tag, []).append(_text(*each))
        tags = (f"{{'key': {literal(tag)}, 'value': {_first(TEXT, sql)}}}" for tag, sql in columns.items())
        return f"[{', '.join(tags)}]" if columns else ""

    def _tag_maps(self) -> list[str]:
        prefixed = [(each, _TAG_NAME) for each in self._found(TAGS)]
        prefixed += [(each, "'cost_category:' || tag.key") for each in self._found([COST_CATEGORIES])]
        return [
            f"list_transform(map_entries({_map(*each)}), lambda tag: {{'key': {name}, 'value': tag.value}})"
            for each, name in prefixed
        ]


def _told_apart(names: Collection[str]) -> dict[str, str]:
    """The names without the `#` and number that tell one from its like: DuckDB ignores the case of names."""
    there = {name.lower() for name in names}
    stems = {name: name.rpartition("#") for name in names}
    return {name: stem if no.isdigit() and stem.lower() in there else name for name, (stem, _, no) in stems.items()}


def key(name: str) -> str:
    """What all spellings of a column's name have in common: its letters and digits, in lower case."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def case(subject: str, values: Mapping[str, str], otherwise: str) -> str:
    """SQL that is `values[subject]`, or `otherwise`; both are SQL."""
    branches = "".join(f" WHEN {literal(value)} THEN {sql}" for value, sql in values.items())
    return f"CASE {subject}{branches} ELSE {otherwise} END" if branches else otherwise


def one_of(subject: str, values: Iterable[str]) -> str:
    """SQL that tells whether a text is one of `values`."""
    return f"{subject} IN ({', '.join(map(literal, values))})"


def exclusive(end: str) -> str:
    """SQL of an exclusive end: some lines (fees, taxes) end at the last second of their period."""
    return f"CASE WHEN second({end}) = 59 THEN date_trunc('second', {end}) + INTERVAL 1 SECOND ELSE {end} END"


# The tag of an entry: `user:app` and `user_app` are `app`; `aws:createdBy` and `aws_created_by` stay AWS's.
_TAG_NAME = (
    "CASE WHEN regexp_matches(tag.key, '^user[:_]') THEN tag.key[6:]"
    " WHEN starts_with(tag.key, 'aws_') THEN 'aws:' || tag.key[5:] ELSE tag.key END"
)


def _tag_name(name: str) -> str:
    """The same for the name of a column."""
    if name.startswith(("user:", "user_")):
        return name[5:]
    return f"aws:{name[4:]}" if name.startswith("aws_") else name


def _tag_of_column(name: str) -> str:
    """The tag that a column holds, or '': `resourceTags/user:app` and `resource_tags_user_app` hold `app`."""
    group, slash, tag = name.partition("/")
    if not slash:
        group = next((each for each in ("resource_tags_", "cost_category_") if name.startswith(each)), "")
        tag = name.removeprefix(group)
    if key(group) in TAGS:
        return _tag_name(tag)
    return f"cost_category:{tag}" if key(group) == COST_CATEGORIES else ""


def _first(kind: str, sqls: Iterable[str]) -> str:
    found = list(sqls)
    if not found:
        return f"NULL::{kind}"
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"


def _text(name: str, kind: str) -> str:
    column = identifier(name)
    return f"NULLIF({column if kind == TEXT else f'CAST({column} AS {TEXT})'}, '')"


def _decimal(cast: str, name: str, kind: str) -> str:
    # A double goes through its text, the shortest that reads back the same: cast as it is, 1e15 loses digits.
    return identifier(name) if kind == DECIMAL else f"{cast}(NULLIF({_text(name, kind)}, 'None') AS {DECIMAL})"


def _moment(name: str, kind: str) -> str:
    return f"CAST({_text(name, kind) if kind == TEXT else identifier(name)} AS {TIME})"


def _map(name: str, kind: str) -> str:
    column = identifier(name)
    if _PAIRS.match(kind):
        pairs = f"list_transform({column}, lambda e: {{'key': e.key::{TEXT}, 'value': e.value::{TEXT}}})"
        return f"map_from_entries({pairs})"
    if kind.startswith("MAP"):
        return column if kind == MAP else f"CAST({column} AS {MAP})"
    if kind.startswith("STRUCT"):
        return f"from_json(to_json({column}), '\"{MAP}\"')"
    return f"from_json({_text(name, kind)}, '\"{MAP}\"')"


def _without_repeats(entries: str) -> str:
    # A map refuses to hold a key twice; the list of one list binds `entries`, so that it is computed once.
    keys = "list_transform(tags, lambda each: each.key)"
    first = f"list_filter(tags, lambda tag, i: list_position({keys}, tag.key) = i)"
    return f"list_transform([{entries}], lambda tags: {first})[1]"
