"""From the settings to a cache."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from outlay.cache import CacheError, Guarded, open_cache
from outlay.cache.disk import Disk
from outlay.cache.memory import Memory
from outlay.core.config import load
from outlay.core.errors import ConfigError
from outlay.core.settings import Cache, Settings, Ttl


def loaded(folder: Path, text: str, **env: str) -> Settings:
    (folder / "outlay.yaml").write_text(f"clouds: {{}}\n{text}", encoding="utf-8")
    return load(None, env, folder)


def opened(folder: Path, text: str) -> Guarded:
    found = open_cache(loaded(folder, text))
    assert found is not None
    return found


def test_memory_unless_told_otherwise(tmp_path: Path) -> None:
    found = opened(tmp_path, "")
    assert isinstance(found.cache, Memory)
    assert found.name == "memory"


def test_switched_off(tmp_path: Path) -> None:
    assert open_cache(loaded(tmp_path, "cache: {enabled: false, type: redis}")) is None


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("cache: {type: disk}", "data/cache"),
        ("cache: {type: disk, path: /var/cache/outlay}", "/var/cache/outlay"),
        ("cache: {type: disk}\nstore: {path: /srv/lake}", "/srv/lake/cache"),
        ("cache: {type: disk}\nstore: {path: 's3://bucket/lake'}", "data/cache"),
    ],
)
def test_the_folder_of_a_cache_on_disk(tmp_path: Path, text: str, folder: str) -> None:
    found = opened(tmp_path, text)
    assert isinstance(found.cache, Disk)
    assert (found.cache.place, found.name) == (folder, "disk")


def test_redis_is_not_asked_before_there_is_something_to_ask(tmp_path: Path) -> None:
    found = opened(tmp_path, "cache: {type: redis, redis_url: 'redis://:secret@127.0.0.1:1/0'}")
    assert found.cache.place == "redis://127.0.0.1:1/0"


def test_redis_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(CacheError, match=r"pip install 'outlay\[redis\]'"):
        opened(tmp_path, "cache: {type: redis, redis_url: 'redis://h'}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cache: {type: redis}", "outlay.yaml:2: cache: type redis needs redis_url"),
        ("cache: {redis_url: 'http://:secret@h'}", "outlay.yaml:2: cache.redis_url: should start with one of redis://"),
        ("cache: {type: disc}", "cache.type: should be 'memory', 'disk' or 'redis'"),
        ("cache: {ttl: -1}", "cache.ttl: should be greater than or equal to 0"),
        ("cache: {ttl: 999999}", "cache.ttl: should be less than or equal to 604800"),
        ("cache: {aws: {tl: 1}}", "cache.aws.tl: no such key; did you mean ttl?"),
        ("cache: {max_mb: 0}", "cache.max_mb: should be greater than or equal to 1"),
    ],
)
def test_faults_are_told_by_their_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, text)
    assert said in str(error.value)
    assert "secret" not in str(error.value)


def test_how_long_each_provider_is_kept(tmp_path: Path) -> None:
    found = loaded(tmp_path, "cache: {ttl: 60, azure: {ttl: 7200}, gcp: {ttl: 0}}", OUTLAY__CACHE__AWS__TTL="30").cache
    kinds = ("aws", "aws-export", "azure", "azure-sponsorship", "gcp", "heroku", "type", "another")
    assert [found.seconds(kind) for kind in kinds] == [30, 30, 7200, 7200, 0, 60, 60, 60]
    assert (found.seconds_max, Cache().seconds_max, Cache(ttl=0, heroku=Ttl(ttl=5)).seconds_max) == (7200, 3600, 5)


def test_the_secret_is_in_no_repr(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "cache: {type: redis, redis_url: 'redis://:hush@h/0'}")
    assert "hush" not in repr(settings) + repr(open_cache(settings))
