"""Gauges of the user's own: costs under his names, by account and by what he groups them by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from outlay.core.gauges import label_of
from outlay.core.query import CostQuery, Filter
from outlay.core.span import Period
from outlay.serve.metrics.families import OTHER, Labels, bounded, gauge, summed

if TYPE_CHECKING:
    from outlay.core.gauges import Gauge
    from outlay.serve.metrics.answers import Answers, Rows
    from outlay.serve.metrics.options import Options

ACCOUNT = "sub_account"
CURRENCY = slice(-1, None)


def families(answers: Answers, options: Options) -> Iterator[Metric]:
    """One for each gauge of the settings."""
    for wanted in options.settings.gauges:
        yield _family(answers, wanted, options)


def _family(answers: Answers, wanted: Gauge, options: Options) -> Metric:
    groups = tuple(each for each in wanted.group_by if each not in (ACCOUNT, "sub_account_name"))
    names = ("source", ACCOUNT, *groups)
    rows = _rows(answers, wanted, names)
    found = summed(
        (tuple(row[name] or "" for name in (*names, "currency")), row["cost"])
        for row in rows
        if row["currency"] == "USD" or not wanted.is_usd
    )
    for at in range(1, len(names)):
        found = bounded(found, at, wanted.top or options.settings.top, CURRENCY)
    called = {OTHER: OTHER, **answers.account_names(_days(answers, wanted))}
    own = _own_labels(options, groups)
    labels = ("account", "account_name", *own, *(label_of(each) for each in groups), "currency")

    def labelled(key: Labels) -> Labels:
        source, account, *rest = key
        said = options.labels.get(source, {})
        return (account, called.get(account, ""), *(said.get(each, "") for each in own.values()), *rest)

    told = wanted.help or f"Cost ({wanted.measure}) of {_told(wanted)}."
    return gauge(wanted.name, told, labels, summed((labelled(key), cost) for key, cost in found.items()))


def _own_labels(options: Options, groups: tuple[str, ...]) -> Mapping[str, str]:
    """What the labels of accounts are called that the settings have, and their keys there."""
    taken = {"account", "account_name", "currency", *(label_of(each) for each in groups)}
    keys = sorted({key for said in options.labels.values() for key in said})
    return {label_of(key): key for key in keys if label_of(key) not in taken}


def _rows(answers: Answers, wanted: Gauge, names: tuple[str, ...]) -> Rows:
    filters = tuple(Filter(name, values) for name, values in sorted(wanted.selected.items()))
    if wanted.days is None and wanted.period in (None, "day"):
        return answers.on_last_days(names[1:], wanted.measure, filters)
    days = _days(answers, wanted)
    return answers.rows(CostQuery(days, names, filters, wanted.measure, order="dimensions"))


def _days(answers: Answers, wanted: Gauge) -> Period:
    if wanted.days is not None:
        return Period.last(wanted.days, answers.today)
    if wanted.period == "month":
        return answers.month
    if wanted.period == "previous_month":
        return answers.before
    last = answers.last_days.values()
    return Period(min(last), max(last) + timedelta(days=1)) if last else answers.both


def _told(wanted: Gauge) -> str:
    if wanted.days is not None:
        return f"the last {wanted.days} days before today"
    periods = {"month": "this month so far", "previous_month": "the whole month before"}
    return periods.get(wanted.period or "", "each source's last day with charges before today")
