"""The few errors of Outlay, each with a code; the HTTP status and the exit code are read from them."""

from __future__ import annotations

from typing import ClassVar


class OutlayError(Exception):
    """Something the user can act on. The message names the place and the choices, and holds no secret."""

    code: ClassVar[str] = "failed"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1


class UsageError(OutlayError):
    """An argument that cannot be: an unknown dimension, a day that is none, a start after its end."""

    code = "usage"
    status = 400
    exit_code = 2


class ConfigError(OutlayError):
    """Settings that cannot be: every fault is listed, by path and line."""

    code = "config"
    exit_code = 2


class SourceError(OutlayError):
    """A billing source that cannot be read or reached."""

    code = "source"
    status = 502


class AuthError(SourceError):
    """A billing source that refuses our credentials, or lacks them."""

    code = "auth"


class BillError(SourceError):
    """A bill whose content cannot be: not a number, not a known layout, outside its span."""

    code = "bill"


class NotFoundError(SourceError):
    """A billing source that does not know what was asked for: no such team, table, container or export."""

    code = "not-found"


class ThrottledError(SourceError):
    """A billing source that told us to ask later, as often as we try."""

    code = "throttled"


class UnreachableError(SourceError):
    """A billing source that gave no whole answer: no connection, a timeout, a cut, an error of its own."""

    code = "unreachable"


class SpendError(SourceError):
    """A call that would cost more than the cap of the month allows; it was not made."""

    code = "spend-cap"


class NotifyError(OutlayError):
    """A channel that did not take a message."""

    code = "notify"
    status = 502


class StoreError(OutlayError):
    """A store that cannot be reached, read or written."""

    code = "store"
    status = 503


class SomeSourcesFailed(OutlayError):
    """A collection in which some sources failed and the others are fresh."""

    code = "some-sources-failed"
    status = 502
    exit_code = 3


def choices(what: str, given: str, known: list[str]) -> str:
    """The sentence for an unknown name: what was given and what there is."""
    return f"no {what} named {given!r}; there are: {', '.join(known) or 'none'}"
