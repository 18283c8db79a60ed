"""Where a database is, and what is wrong with it, told without what is secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote, quote_plus, unquote

# The parts as libpq takes them. Nothing may be read in two ways: half a password would pass for the host then.
_HOST = r"(?:[\w.%-]*|\[[0-9A-Fa-f:.]+\])(?::\d+)?"
_URL = re.compile(
    r"(?P<scheme>postgres(?:ql)?)(?:\+psycopg)?(?P<rest>://"
    r"(?:(?P<user>[^:@/?#\s]*)(?::(?P<password>[^@/?#\s]*))?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)"
    r"(?:/(?P<database>[^@/?#\s]*))?(?:\?(?P<options>[^@#\s]*))?)"
)
_HALF_ENCODED = re.compile("%(?![0-9A-Fa-f]{2})")
PORT_MAX = 65535

# What to do about what a server or libpq says.
_TO_DO = {
    "password authentication failed": "check the user and the password (DB_USER, DB_PASSWORD or store.url)",
    "no password supplied": "give the password (DB_PASSWORD or store.url)",
    "no pg_hba.conf entry": "the server's pg_hba.conf has to let this user in from this machine",
    'database "': "create it first: CREATE DATABASE, or createdb",
    'role "': "create the user first, or check its name (DB_USER or store.url)",
    "permission denied": "as its owner, grant Outlay's user CREATE on the database or CREATE and USAGE on the schema;"
    " it has to own the tables it writes",
    "must be owner of": "make Outlay's user the owner, or give Outlay a schema of its own by store.schema_name",
    "Connection refused": "is the server running there, and does it listen on that address?",
    "could not translate host name": "check the host (DB_HOST or store.url)",
    "failed to resolve host": "check the host (DB_HOST or store.url)",
    "timeout expired": "is the host right, and does a firewall let us through?",
    "No space left on device": "the server's disk is full",
    "read-only transaction": "this server is a standby, or read only: name the primary",
    "too many clients": "raise the server's max_connections, or lower store.pool_size",
    "terminating connection": "the server was stopped, or cut us off: try again when it is back",
    "server closed the connection": "the server was stopped, or cut us off: try again when it is back",
    "out of shared memory": "raise the server's max_locks_per_transaction",
}
_ONLY_WITH = {'database "': "does not exist", 'role "': "does not exist"}
# What libpq adds to what it has to say.
_CHATTER = re.compile(
    r"Multiple connection attempts failed\. All failures were:|\s+Is the server running.*?\?|\s+This probably means.*",
    re.DOTALL,
)


def standard(url: str) -> str | None:
    """The URL as libpq takes it; None when it is none, or could be read in two ways."""
    found = _URL.fullmatch(url)
    if found is None or _HALF_ENCODED.search(url):
        return None
    ports = re.findall(r":(\d+)(?=,|$)", found["hosts"])
    return found["scheme"] + found["rest"] if all(0 < int(port) <= PORT_MAX for port in ports) else None


def place(url: str) -> str:
    """The database and the host of a URL, without user and password."""
    found = _parts(url)
    options = dict(parse_qsl(found["options"]))
    database = unquote(found["database"]) or options.get("dbname", "")
    return f"{database} at {unquote(found['hosts']) or options.get('host', 'localhost')}".strip()


def secrets_of(url: str) -> Iterator[str]:
    """What no message may hold."""
    found = _parts(url)
    yield from (found["password"], unquote(found["password"]))
    yield from (value for name, value in parse_qsl(found["options"]) if "password" in name)


def told(error: Exception, secrets: Iterable[str]) -> str:
    """What the server or libpq said, in one line, and what to do about it."""
    diagnosed = getattr(getattr(error, "diag", None), "message_primary", None)
    said = " ".join(_CHATTER.sub("", diagnosed or str(error)).split())
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        for spelled in {secret, quote(secret, safe=""), quote_plus(secret)}:
            said = re.sub(rf"(?<!\w){re.escape(spelled)}(?!\w)", "**********", said)
    for words, to_do in _TO_DO.items():
        if words in said and _ONLY_WITH.get(words, "") in said:
            return f"{said}; {to_do}"
    return said


def _parts(url: str) -> dict[str, str]:
    found = _URL.fullmatch(url)
    return found.groupdict("") if found else dict.fromkeys(_URL.groupindex, "")
