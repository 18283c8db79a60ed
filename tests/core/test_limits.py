"""Limits: what they are written as, and whose state they let be told."""

from __future__ import annotations

import pytest

from outlay.core.errors import UsageError
from outlay.core.limits import EVERYTHING, digest, limited_by_source, limits_of, told_sources
from outlay.core.query import Filter


def test_they_are_filters() -> None:
    assert limits_of({"source": ["aws"], "account": ["1", "2"], "tag:team": ["core"]}) == (
        Filter("source", ("aws",)),
        Filter("sub_account", ("1", "2")),
        Filter("tag:team", ("core",)),
    )
    assert limits_of({}) == EVERYTHING


@pytest.mark.parametrize("word", ["service", "provider", "tag:", "month", ""])
def test_other_dimensions_are_refused_with_the_choices(word: str) -> None:
    with pytest.raises(UsageError, match=r"no limit named .*; there are: source, account, tag:<key>"):
        limits_of({word: ["x"]})


def test_an_empty_value_is_not_that_of_charges_without_one() -> None:
    assert limits_of({"tag:team": [""]}) == (Filter("tag:team", ()),)


def test_whose_state_is_told() -> None:
    assert told_sources(EVERYTHING) is None
    assert told_sources(limits_of({"source": ["aws", "gcp"]})) == frozenset({"aws", "gcp"})
    assert told_sources(limits_of({"source": ["aws"], "account": ["1"]})) == frozenset({"aws"})
    assert told_sources(limits_of({"tag:team": ["core"]})) == frozenset()
    assert limited_by_source(limits_of({"source": ["aws"]}))
    assert not limited_by_source(limits_of({"source": ["aws"], "account": ["1"]}))


def test_other_limits_have_another_digest() -> None:
    found = {digest(limits_of({"source": each})) for each in (["a"], ["b"], ["a", "b"], [])}
    assert len(found) == 4
    assert not any("a'" in each for each in found)
