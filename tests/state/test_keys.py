"""Keys: shown once, kept as hashes, expiring, revoked for all processes at once. On SQLite and PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from outlay.state import State
from outlay.state.database import now
from outlay.state.keys import KEYS

LIMITS = {"source": ["aws"], "tag:team": ["core", "ünï ' \" \\"]}


def test_a_key_is_found_by_its_text_alone(state: State) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    key, text = state.keys.create("ci", "collect", LIMITS, soon)
    other, _ = state.keys.create("ci", "read")
    assert state.keys.find(text) == key
    assert (key.name, key.scope, key.limits, key.status) == ("ci", "collect", LIMITS, "active")
    assert key.expires_at == soon
    assert text.startswith(f"outlay_{key.id}_")
    assert len(text.removeprefix(f"outlay_{key.id}_")) == 43
    wrong = [text[:-1], text + "x", text.replace(key.id, other.id), text.upper(), key.id, "", "outlay__", "ä" * 63]
    wrong += [text[:-1] + ("A" if text[-1] != "A" else "B"), f"outlay_{'0' * 12}_{text[-43:]}", f" {text}", f"{text}\n"]
    assert [each for each in wrong if state.keys.find(each) is not None] == []


def test_nothing_that_is_kept_tells_the_key(state: State) -> None:
    _, text = state.keys.create("ci", "read")
    (row,) = state._database.read(KEYS.select())
    secret = text.rpartition(f"{row.id}_")[2]
    assert secret not in repr(row)
    assert len(row.hash) == 64
    assert secret not in repr(state.keys.every())


def test_two_keys_have_nothing_in_common(state: State) -> None:
    made = [state.keys.create("same", "read") for _ in range(20)]
    assert len({key.id for key, _ in made}) == len({text.split("_", 2)[2] for _, text in made}) == 20


def test_one_that_is_revoked_says_so_and_stays_so(state: State) -> None:
    key, text = state.keys.create("ci", "read")
    assert state.keys.revoke(key.id)
    (first,) = state.keys.every()
    assert first.status == "revoked"
    assert state.keys.revoke(key.id)
    found = state.keys.find(text)
    assert found is not None
    assert found.revoked_at == first.revoked_at
    assert not state.keys.revoke("no such key")


def test_one_that_has_expired_says_so(state: State) -> None:
    moment = datetime.now(UTC) - timedelta(seconds=1)
    _, text = state.keys.create("ci", "read", expires_at=moment)
    found = state.keys.find(text)
    assert found is not None
    assert found.status == "expired"


def test_another_process_revokes_at_once(state: State, url: str) -> None:
    key, text = state.keys.create("ci", "read")
    program = "import sys; from outlay.state import State; State(sys.argv[1]).keys.revoke(sys.argv[2])"
    subprocess.run([sys.executable, "-c", program, url, key.id], check=True)
    found = state.keys.find(text)
    assert found is not None
    assert found.status == "revoked"


def test_use_is_noted_once_a_minute(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    key, text = state.keys.create("ci", "read")
    writes = 0
    write = state._database.write

    def counted(work: object) -> object:
        nonlocal writes
        writes += 1
        return write(work)  # type: ignore[arg-type] # handed on as it came

    found = state.keys
    monkeypatch.setattr(found._database, "write", counted)
    for _ in range(5):
        known = found.find(text)
        assert known is not None
        found.note_use(known)
    assert writes == 1
    assert known is not None
    assert known.used_at is not None
    assert abs(known.used_at - datetime.now(UTC)) < timedelta(seconds=60)
    found.note_use(key)  # as another process does that has not seen it: nothing is written over
    again = found.find(text)
    assert again is not None
    assert again.used_at == known.used_at
    change = sa.update(KEYS).values(used_at=now() - timedelta(minutes=2))
    state._database.write(lambda connection: connection.execute(change))
    old = found.find(text)
    assert old is not None
    found.note_use(old)
    assert writes == 4


def test_the_newest_come_first(url: str) -> None:
    with closing(State(url)) as state:
        for name in ("first", "second", "third"):
            state.keys.create(name, "read")
        assert [key.name for key in state.keys.every()] == ["third", "second", "first"]
