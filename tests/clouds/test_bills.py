"""What a provider bills is what the store holds, to the last digit: ordinary, credited, restated and empty months."""

from __future__ import annotations

from datetime import date

from outlay.collect import Ask, refresh
from outlay.core import plugins
from outlay.core.ports import Source, Warehouse
from outlay.core.span import Window
from outlay.state import Limits, State
from tests.clouds import every
from tests.clouds.cloud import Cloud
from tests.clouds.months import ASKED, EMPTY, YESTERDAY, bill, given, restated, stored

ASK = Ask(ASKED, limits=Limits())


def source_of(cloud: Cloud) -> Source:
    settings = {"name": cloud.plugin, **cloud.settings()}
    found: Source = plugins.load("sources", cloud.plugin).model_validate(settings)
    return found


def test_months_are_stored_as_billed_and_as_restated(cloud: Cloud, warehouse: Warehouse, state: State) -> None:
    charges, source = bill(), source_of(cloud)
    cloud.give(charges)
    runs = refresh([source], warehouse, state, ASK)
    assert [run.error for run in runs if run.error] == []
    assert stored(warehouse, source.name) == given(every.told(cloud, charges))
    assert not [month for month, _ in stored(warehouse, source.name) if month == EMPTY]

    runs = refresh([source], warehouse, state, ASK)  # nothing new: nothing changes, nothing comes twice
    assert [run.error for run in runs if run.error] == []
    assert state.restatements() == []
    assert stored(warehouse, source.name) == given(every.told(cloud, charges))

    cloud.give(restated(charges))
    runs = refresh([source], warehouse, state, ASK)
    assert [run.error for run in runs if run.error] == []
    assert stored(warehouse, source.name) == given(every.told(cloud, restated(charges)))
    assert YESTERDAY in {each.day for each in state.restatements()}


def test_a_source_says_what_it_reached(cloud: Cloud) -> None:
    cloud.give(bill())
    assert len(source_of(cloud).test()) > 10


def test_spans_without_dates_cover_the_window_or_the_deliveries(cloud: Cloud) -> None:
    cloud.give(bill())
    spans = list(source_of(cloud).spans(Window(ASKED)))
    starts: list[date] = [(span.days or span.months).start for span in spans]
    assert starts == sorted(starts, reverse=True)
    assert spans
