"""Loading settings: what wins, what a fault says, and what never appears."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from outlay.core import plugins
from outlay.core.config import load, store_at
from outlay.core.errors import ConfigError
from outlay.core.settings import Api, Settings
from tests.core.fakes import KINDS, Cloud, Database, Role, Shed, TapeDrive

SECRET = "s3cr3t-Value"


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "names", lambda kind: sorted(KINDS[kind]))
    monkeypatch.setattr(plugins, "load", lambda kind, name: KINDS[kind][name])


@pytest.fixture
def write(tmp_path: Path, fakes: None) -> Any:
    def settings(text: str | None = None, **env: str) -> Settings:
        if text is not None:
            (tmp_path / "outlay.yaml").write_text(text, encoding="utf-8")
        return load(None, env, tmp_path)

    return settings


def faults(write: Any, text: str | None = None, **env: str) -> list[str]:
    with pytest.raises(ConfigError) as e:
        write(text, **env)
    return str(e.value).splitlines()


def clouds(settings: Settings) -> list[Cloud]:
    return [cast("Cloud", source) for source in settings.sources]


def test_nothing_written_gives_the_defaults(write: Any) -> None:
    settings = write()
    assert settings.sources == ()
    assert settings.store == Shed()
    assert settings.collection.schedule == "0 */6 * * *"
    assert (settings.api.host, settings.api.port) == ("127.0.0.1", 8000)
    assert settings.state.url.get_secret_value() == "sqlite:///./data/state.db"


def test_five_mistakes_are_told_at_once_with_their_lines(write: Any) -> None:
    text = """\
clouds:
  cloud:
    tenant: acme
    regin: eu
  clowd: {}
api:
  port: 99999
collection:
  schedule: "0 25 * * *"
  lookback_days: two
"""
    cron = 'a cron expression of five fields, such as "0 */6 * * *"'
    keys = "name, tenant, api_key, regions, budget, roles, mode"
    assert faults(write, text) == [
        f"outlay.yaml:4: clouds.cloud.regin: no such key; did you mean regions? there are: {keys}",
        "outlay.yaml:5: clouds.clowd: no such source; did you mean cloud? there are: cloud, tape-drive",
        "outlay.yaml:7: api.port: should be less than or equal to 65535",
        f"outlay.yaml:9: collection.schedule: should be {cron}; bad hour",
        "outlay.yaml:10: collection.lookback_days: should be a valid integer",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clouds: [cloud]", ":1: clouds: should be a mapping of sources"),
        ("clouds:\n  cloud: acme", ":2: clouds.cloud: should be a mapping of settings, or a list"),
        ("clouds:\n  cloud:\n", ":2: clouds.cloud.tenant: is required; set it here or as CLOUD_TENANT"),
        (
            "clouds:\n  cloud:\n  - tenant: a\n  - tenant: b",
            ":4: clouds.cloud[1].name: another source is named",
        ),
        ("clouds:\n  cloud: {tenant: a,\n    name: A b}", ":3: clouds.cloud.name: should look like cloud-2"),
        (
            "clouds:\n  cloud:\n    tenant: a\n    enabled: maybe",
            ":4: clouds.cloud.enabled: should be true or",
        ),
        ("clouds:\n  cloud: {tenant: a, mode: odd}", ":2: clouds.cloud.mode: should be"),
        (
            "clouds:\n  cloud:\n    tenant: a\n    roles:\n    - arn: x\n    - {}",
            ":6: clouds.cloud.roles[1].arn: is re",
        ),
        (
            "clouds:\n  cloud:\n    tenant: a\n    roles:\n    - {arn: x, lable: y}",
            ":5: clouds.cloud.roles[0].lable: ",
        ),
        ("store: ./data", ":1: store: should be a mapping"),
        ("store:\n  type: lakes", ":2: store.type: no such warehouse; did you mean lake? there are: database, lake"),
        (
            "logging: {level: loud}",
            ":1: logging.level: should be 'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRIT",
        ),
        ("colection: {}", ":1: colection: no such key; did you mean collection?"),
        ("api:\n  host: ${NOPE}", ":2: api.host: the environment variable NOPE is not set"),
    ],
)
def test_a_fault_names_its_place_and_the_choices(write: Any, text: str, said: str) -> None:
    [fault] = faults(write, text)
    assert fault.startswith(f"outlay.yaml{said}")


def test_an_item_of_a_list_is_named_by_its_line(write: Any) -> None:
    text = "clouds:\n  cloud:\n  - {tenant: a, name: one}\n  - tenant: b\n    name: two\n    budget: much\n"
    assert faults(write, text) == [
        "outlay.yaml:6: clouds.cloud[1].budget: should be a valid decimal",
    ]


def test_scalars_mean_what_their_key_says_not_what_yaml_makes_of_them(write: Any) -> None:
    text = """\
clouds:
  cloud: {tenant: 012345, regions: [no, 1e3], budget: 1000.10, roles: [{arn: 12:30, labels: {cost: 7}}]}
"""
    [cloud] = clouds(write(text))
    assert cloud.tenant == "012345"
    assert cloud.regions == ("no", "1e3")
    assert cloud.budget == Decimal("1000.10")
    assert cloud.roles == [Role(arn="12:30", labels={"cost": "7"})]


def test_variables_stand_in_any_value(write: Any) -> None:
    text = """\
clouds:
  cloud:
    tenant: a-${TENANT}-${ZONE:-z}$${plain}
    regions: ["${ONE:-eu}", "${TWO:-us}"]
    roles: [{arn: "${ONE:-}"}]
"""
    [cloud] = clouds(write(text, TENANT="acme${ONE}", TWO="ap", ONE=""))
    assert cloud.tenant == "a-acme${ONE}-z${plain}"
    assert cloud.regions == ("eu", "ap")
    assert cloud.roles == [Role(arn="")]


def test_anchors_and_merges_work(write: Any) -> None:
    text = """\
clouds:
  cloud:
  - &base {name: one, tenant: acme, regions: [us]}
  - {<<: *base, name: two}
  - {<<: *base, name: three, tenant: other}
"""
    found = [(cloud.name, cloud.tenant, cloud.regions) for cloud in clouds(write(text))]
    assert found == [("one", "acme", ("us",)), ("two", "acme", ("us",)), ("three", "other", ("us",))]


def test_the_environment_wins_over_the_file_wins_over_plain_variables(write: Any) -> None:
    text = "api: {port: 2}\nlogging: {level: error}\n"
    settings = write(text, outlay__api__PORT="3", PORT="1", LOG_LEVEL="debug", LOOKBACK_DAYS="5", BACKFILL_DAYS="")
    assert settings.api.port == 3
    assert settings.logging.level == "ERROR"
    assert settings.collection.lookback_days == 5
    assert settings.collection.backfill_days == 90


def test_plain_variables(write: Any) -> None:
    settings = write(
        PORT="1",
        LOG_LEVEL="debug",
        AWS_COST_LOOKBACK_DAYS="5",
        BACKFILL_DAYS="6",
        AWS_COLLECTION_SCHEDULE="1 2 * * *",
    )
    assert (settings.api.port, settings.logging.level) == (1, "DEBUG")
    assert (settings.collection.lookback_days, settings.collection.backfill_days) == (5, 6)
    assert settings.collection.schedule == "1 2 * * *"


def test_overrides_reach_lists_blocks_and_plugins_with_dashes(write: Any) -> None:
    text = "clouds:\n  cloud:\n  - {tenant: a}\n  tape-drive:\nstore: {options: {KEY: x}}\n"
    settings = write(
        text,
        OUTLAY__CLOUDS__CLOUD__0__REGIONS="us, ap",
        OUTLAY__CLOUDS__CLOUD__1__TENANT="${b}",
        OUTLAY__CLOUDS__CLOUD__1__NAME="second",
        OUTLAY__CLOUDS__CLOUD__1__ROLES='[{arn: "x"}]',
        OUTLAY__CLOUDS__TAPE_DRIVE__PATH="t",
        OUTLAY__STORE__OPTIONS__KEY="y",
    )
    first, second, tape = settings.sources
    assert (first.tenant, first.regions) == ("a", ("us", "ap"))
    assert (second.name, second.tenant, second.roles) == ("second", "${b}", [Role(arn="x")])
    assert tape == TapeDrive(path="t")
    assert settings.store.options == {"KEY": SecretStr("y")}


def test_a_fault_in_the_environment_names_its_variable(write: Any) -> None:
    regions = "OUTLAY__CLOUDS__CLOUD__REGIONS"
    env = {"OUTLAY__API__PRT": "1", regions: "eu", "LOOKBACK_DAYS": "x"}
    found = faults(write, "clouds:\n  cloud: [{tenant: a}]", **env)
    assert found == [
        "LOOKBACK_DAYS: collection.lookback_days: should be a valid integer",
        f"OUTLAY__API__PRT: api.prt: no such key; did you mean port? there are: {', '.join(Api.model_fields)}",
        f"outlay.yaml:2: clouds.cloud: is a list; {regions} should number one of its items, from 0",
    ]


def test_dotenv_adds_to_the_environment_which_wins(write: Any, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# ours\nexport CLOUD_KEY='k' # key\nCLOUD_TENANT=file\nPORT=7\n", encoding="utf-8")
    settings = write(CLOUD_TENANT="real")
    assert settings.api.port == 7
    assert [cloud.tenant for cloud in clouds(settings)] == ["real"]
    (tmp_path / ".env").write_text(f"A=1\n={SECRET}\n", encoding="utf-8")
    assert faults(write) == [".env:2: not NAME=value"]


def test_sources_switch_themselves_on_where_no_clouds_are_written(write: Any) -> None:
    env = {"CLOUD_KEY": SECRET, "CLOUD_TENANT": "acme", "CLOUD_REGIONS": "us,ap"}
    expected = Cloud(tenant="acme", api_key=SecretStr(SECRET), regions=("us", "ap"))
    assert write(**env).sources == (expected,)
    assert write("clouds:\n#  nothing\n", **env).sources == (expected,)
    assert write(**env, OUTLAY__CLOUDS__CLOUD__ENABLED="false").sources == ()
    assert write("clouds: {}", **env).sources == ()
    assert write("clouds: {tape-drive: }", **env).sources == (TapeDrive(),)
    (fault,) = faults(write, "", CLOUD_KEY="k")
    assert fault == "CLOUD_KEY: clouds.cloud.tenant: is required; set it here or as CLOUD_TENANT"


def test_variables_of_a_source_fill_what_its_block_leaves_out(write: Any) -> None:
    [cloud] = clouds(write("clouds: {cloud: {tenant: a}}", CLOUD_KEY="k", CLOUD_TENANT="b"))
    assert (cloud.tenant, cloud.api_key) == ("a", SecretStr("k"))


def test_a_store_switches_itself_on_where_none_is_written(write: Any) -> None:
    env = {"DB_HOST": "db", "DB_PASSWORD": SECRET}
    expected = Database(host="db", password=SecretStr(SECRET))
    assert write(**env).store == expected
    assert write("store:\n#  nothing\n", **env).store == expected
    assert write("store: {type: database}", **env).store == expected
    assert write("store: {type: database, host: mine}", **env).store == Database(
        host="mine", password=SecretStr(SECRET)
    )
    assert write("store: {path: ./data}", **env).store == Shed()
    assert write("store: {type: lake}", **env).store == Shed()
    assert write(DB_PASSWORD="of something else").store == Shed()


def test_a_store_by_its_url(fakes: None) -> None:
    expected: dict[str, Any] = {
        "there/it is": Shed(path="there/it is"),
        "s3://bucket/${FOLDER}": Shed(path="s3://bucket/costs"),
        "database://user:${PASSWORD}@host": Database(url=SecretStr(f"database://user:{SECRET}@host")),
    }
    for url, store in expected.items():
        assert store_at(url, {"FOLDER": "costs", "PASSWORD": SECRET}) == store
    for url, said in [
        ("ftp://host", r"no such kind of store; there are: database://, s3://"),
        ("database://", "has no host"),
        ("database://${NONE}", "the environment variable NONE is not set"),
    ]:
        with pytest.raises(ConfigError, match=f"^store: url: {said}$"):
            store_at(url, {})


def test_a_block_that_is_not_enabled_cannot_be_a_fault(write: Any) -> None:
    text = """\
clouds:
  cloud:
  - {enabled: false, tenant: "${NOPE}", colour: red}
  - {enabled: "${ON:-no}"}
  - {enabled: true, tenant: b}
  nonsense: {enabled: off}
"""
    assert [cloud.tenant for cloud in clouds(write(text))] == ["b"]


def test_secrets_are_in_no_fault_and_no_repr(write: Any, tmp_path: Path) -> None:
    cloud = f"{{tenant: [x], api_key: {SECRET}!, budget: {SECRET}}}"
    text = f"clouds:\n  cloud: {cloud}\nstate: [{SECRET}]\n"
    found = "\n".join(faults(write, text, OUTLAY__STORE__OPTIONS=SECRET, PORT=SECRET))
    assert len(found.splitlines()) == 6
    assert "clouds.cloud.api_key: ********** ends badly" in found
    assert SECRET not in found
    for broken in (
        f"api: '{SECRET}",
        f"api: *{SECRET}",
        f"api: {{{SECRET}: [",
        f"%TAG {SECRET}\n---\n",
        f"a: !x!{SECRET} b",
    ):
        assert SECRET not in "\n".join(faults(write, broken))
    text = f"clouds:\n  cloud: {{tenant: a, api_key: {SECRET}}}\n"
    settings = write(f"{text}state: {{url: 'postgresql://me:{SECRET}@db/x'}}")
    assert SECRET not in repr(settings)


def test_a_file_is_named_by_the_command_line_or_the_environment(write: Any, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("api: {port: 1}", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("api: {port: 2}", encoding="utf-8")
    env = {"OUTLAY_CONFIG": "b.yaml"}
    assert load(Path("a.yaml"), env, tmp_path).api.port == 1
    assert load(None, env, tmp_path).api.port == 2
    for path, variables, said in [
        (Path("none.yaml"), {}, "none.yaml: no such file"),
        (None, {"OUTLAY_CONFIG": "none.yaml"}, "OUTLAY_CONFIG: none.yaml: no such file"),
        (tmp_path, {}, f"{tmp_path}: not a file"),
    ]:
        with pytest.raises(ConfigError, match=f"^{said}$"):
            load(path, variables, tmp_path)
    (tmp_path / "outlay.yaml").write_bytes(b"api: \xff")
    assert faults(write) == ["outlay.yaml: not UTF-8 text"]


@pytest.mark.parametrize(
    ("path", "url"),
    [("/srv/lake/", "sqlite:////srv/lake/state.db"), ("s3://bucket/x", "sqlite:///data/state.db")],
)
def test_state_lies_beside_a_store_that_is_a_folder(write: Any, path: str, url: str) -> None:
    assert write(f"store: {{path: '{path}'}}").state.url == SecretStr(url)


def test_loading_is_light() -> None:
    heavy = "{'pydantic_settings', 'pyarrow', 'duckdb', 'deltalake', 'sqlalchemy', 'apscheduler', 'numpy'}"
    code = f"import sys, outlay.core.config; sys.exit(' '.join({heavy} & set(sys.modules)) or None)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
