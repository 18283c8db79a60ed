"""Pushing to a real Pushgateway, and what is said of one that refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from outlay.core.errors import UsageError
from outlay.serve import pushgateway
from outlay.serve.pushgateway import Group, PushError, address
from tests.clouds import tls
from tests.servers import Request, Response, answering
from tests.servers_prometheus import pushgateway as gateway

PASSWORD = "open:sesame/and+more"
HASHED = "$2b$04$XPkpH3KgP248926msKiJVuZMMAI554T2cmhcGQtwMGTCWJOC6MJqS"
WEB = """
tls_server_config: {{cert_file: {cert}, key_file: {cert}}}
basic_auth_users: {{outlay: {hashed}}}
"""
COSTS = b"# TYPE outlay_cost_month_to_date gauge\n" + b'outlay_cost_month_to_date{source="prod"} 12.5\n'
CALLS = b"# TYPE outlay_api_calls_month_to_date gauge\n" + b'outlay_api_calls_month_to_date{source="prod"} 3\n'


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A Pushgateway that asks nobody who he is."""
    with gateway() as found:
        yield found


def kept(url: str, of: str) -> list[str]:
    """The series that a gateway shows whose lines hold `of`, ours alone."""
    with urlopen(f"{url}/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    return [line for line in lines if line.startswith("outlay_") and of in line]


def gone(url: str, of: str) -> bool:
    """Whether it is taken away: a gateway accepts that, and does it a moment later."""
    deadline = time.monotonic() + 10
    while kept(url, of) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not kept(url, of)


def test_a_group_is_replaced_whole_and_taken_away(url: str) -> None:
    group, other = Group(url, "costs", {"team": "core"}), Group(url, "costs", {"team": "web"})
    group.put(COSTS + CALLS)
    other.put(COSTS)
    assert len(kept(url, 'team="core"')) == 2
    assert kept(url, 'team="web"') == [
        'outlay_cost_month_to_date{instance="",job="costs",source="prod",team="web"} 12.5'
    ]

    group.put(CALLS)
    assert [line.partition("{")[0] for line in kept(url, 'team="core"')] == ["outlay_api_calls_month_to_date"]
    group.delete()
    group.delete()
    assert gone(url, 'team="core"')
    assert len(kept(url, 'team="web"')) == 1


@pytest.mark.parametrize("value", ["", "a/b", "/", ".", "..", "ü b?c#d%2F", "a=b+c", "x" * 200])
def test_any_value_can_be_a_job_or_a_group(url: str, value: str) -> None:
    group = Group(url, value or "odd", {"team": value})
    group.put(COSTS)
    shown = [f'team="{value}"' if value else 'job="odd"', f'job="{value or "odd"}"']
    assert all(part in line for line in kept(url, shown[0]) for part in shown)
    assert len(kept(url, shown[0])) == 1
    group.delete()
    assert gone(url, shown[0])


def test_a_label_that_the_metrics_have_cannot_group(url: str) -> None:
    with pytest.raises(UsageError, match="--grouping source: the metrics have a label of that name themselves"):
        Group(url, grouping={"source": "x"}).put(COSTS)
    assert kept(url, 'source="x"') == []


@pytest.mark.parametrize("name", ["job", "", "a-b", "1a", "__name__", "ü"])
def test_what_is_no_grouping_label(name: str) -> None:
    with pytest.raises(UsageError, match="is no label of a group"):
        Group("http://127.0.0.1", grouping={name: "x"})


def test_metrics_that_it_refuses(url: str) -> None:
    with pytest.raises(PushError, match=r"it did not take the metrics \(400\)\. It says: .*pars"):
        Group(url).put(b"this is no metric\n")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A Pushgateway that wants TLS and a password, and whom a client has to trust for it."""
    folder, files = tmp_path_factory.mktemp("guarded"), tls.make()
    (folder / "web.yml").write_text(WEB.format(cert=files.cert, hashed=HASHED))
    try:
        with gateway(f"--web.config.file={folder}/web.yml") as found:
            yield found.replace("http://", "https://"), files.ca
    finally:
        files.close()


def test_tls_and_a_password(guarded: tuple[str, Path]) -> None:
    url, authority = guarded
    Group(url, login=("outlay", PASSWORD), ca_file=authority).put(COSTS)
    Group(url, login=("outlay", PASSWORD), ca_file=authority).delete()


@pytest.mark.parametrize("login", [None, ("outlay", "sesame-street"), ("nobody", PASSWORD)])
def test_a_wrong_password_is_not_told(guarded: tuple[str, Path], login: tuple[str, str] | None) -> None:
    url, authority = guarded
    with pytest.raises(PushError) as found:
        Group(url, login=login, ca_file=authority).put(COSTS)
    said = "refused this user and password" if login else "wants a user and a password"
    assert str(found.value).startswith(f"{url}: it {said} (401); they are in the URL, or in PUSHGATEWAY_USERNAME")
    assert "sesame" not in str(found.value)
    assert "sesame" not in repr(Group(url, login=login))


def test_a_certificate_that_nobody_trusts(guarded: tuple[str, Path], tmp_path: Path) -> None:
    url, _ = guarded
    with pytest.raises(PushError, match=r"no answer: .*certificate"):
        Group(url, login=("outlay", PASSWORD)).put(COSTS)
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(UsageError, match=f"--ca-file .*{name} is no readable file of certificates"):
            Group(url, ca_file=tmp_path / name).put(COSTS)
    with pytest.raises(UsageError, match="--ca-file is about TLS, and http://h has none"):
        Group("http://h", ca_file=tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (301, "it sends us elsewhere (301): name that address"),
        (404, "no Pushgateway there: PUT /metrics/job/outlay answered 404"),
        (500, "it did not take the metrics (500). It says: broken for *** and ***"),
    ],
)
def test_what_is_no_pushgateway_or_broken(status: int, said: str) -> None:
    def answer(_request: Request) -> Response:
        return Response(b"broken for\n ann and  s3cret", status, {"Location": "http://127.0.0.1:1/"})

    with answering(answer) as url, pytest.raises(PushError) as found:
        Group(url, login=("ann", "s3cret")).put(COSTS)
    assert str(found.value) == f"{url}: {said}"


def test_nobody_there() -> None:
    with answering(lambda _: Response(b"")) as url:
        pass
    with pytest.raises(PushError, match=f"{url}: no answer: "):
        Group(url).put(COSTS)


def test_a_gateway_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushgateway, "TIMEOUT_SECONDS", 0.1)

    def answer(_request: Request) -> Response:
        time.sleep(0.5)
        return Response(b"")

    with answering(answer) as url, pytest.raises(PushError, match="no answer within 0 s"):
        Group(url).put(COSTS)


def test_addresses() -> None:
    assert address("https://push.example.com:9091/", {}) == ("https://push.example.com:9091", None)
    assert address("http://a%40b:p%2Fw@h/sub", {}) == ("http://h/sub", ("a@b", "p/w"))
    environment = {"PUSHGATEWAY_USERNAME": "ann", "PUSHGATEWAY_PASSWORD": "secret"}
    assert address("http://[::1]:9091", environment) == ("http://[::1]:9091", ("ann", "secret"))
    assert address("http://bob:own@h", environment)[1] == ("bob", "own")
    assert address("http://h/metrics-of-all", {})[0] == "http://h/metrics-of-all"


@pytest.mark.parametrize(
    "bad",
    ["", "push:9091", "ftp://u:secret@h", "http://u:secret@", "http://u:secret@h:port", "http://u:secret@h/metrics/job/x",
     "http://u:secret@h?x=1", "http://u:secret@[::1"],
)  # fmt: skip
def test_what_is_no_address(bad: str) -> None:
    with pytest.raises(UsageError, match=r"--pushgateway is .* such as https://push\.example\.com:9091") as found:
        address(bad, {})
    assert "secret" not in str(found.value)


def test_the_server_is_gone_at_the_end() -> None:
    with gateway() as url:
        pass
    with pytest.raises(URLError):
        kept(url, "")
