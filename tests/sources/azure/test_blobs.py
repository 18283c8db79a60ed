"""Reading a container: pages, ranges, blobs that change meanwhile, and what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from outlay.core.errors import AuthError, NotFoundError, SourceError, ThrottledError, UnreachableError
from outlay.sources.azure.access import Access
from outlay.sources.azure.blobs import Blobs
from tests.clouds import azure
from tests.clouds.azure import CONTAINER, AzureCloud
from tests.clouds.faults import Fault, FaultProxy
from tests.servers import Request, Response, answering


@pytest.fixture(scope="module")
def cloud() -> Iterator[AzureCloud]:
    with closing(azure.start()) as found:
        yield found


@pytest.fixture(scope="module")
def proxy(cloud: AzureCloud) -> Iterator[FaultProxy]:
    with closing(FaultProxy(cloud.url)) as found:
        yield found


def blobs(connection_string: str, attempts: int = 2, timeout: float = 1.0) -> Blobs:
    access = Access.model_validate(
        {"connection_string": connection_string, "attempts": attempts, "timeout": timeout, "name": "azure"}
    )
    return Blobs(access, "", CONTAINER)


def test_blobs_are_listed_and_read_by_ranges(cloud: AzureCloud) -> None:
    cloud.put("a/b.csv", b"0123456789")
    found = blobs(cloud.connection_string())
    (blob,) = found.listed("a/")
    assert (blob.name, blob.size) == ("a/b.csv", 10)
    assert found.read(blob) == b"0123456789"
    url = found.url("a/b.csv")
    assert [found.cat_file(url, 2, 5), found.cat_file(url, 8, 99), found.cat_file(url, 10)] == [b"234", b"89", b""]
    assert found.info(url)["size"] == 10
    assert found.modified(url) == blob.modified
    with pytest.raises(FileNotFoundError):
        found.info(found.url("a/c.csv"))


def test_a_blob_written_anew_is_not_read_for_the_one_that_was_listed(cloud: AzureCloud) -> None:
    cloud.put("changing.csv", b"old")
    found = blobs(cloud.connection_string())
    (blob,) = found.listed("changing")
    cloud.put("changing.csv", b"new")
    with pytest.raises(UnreachableError, match=r"changing\.csv: written anew or removed while it was read"):
        found.read(blob)


FAULTS = [
    (Fault("status", status=401), AuthError, "refused"),
    (Fault("status", status=403, headers={"x-ms-error-code": "AuthorizationPermissionMismatch"}), AuthError, "Reader"),
    (Fault("status", status=403, headers={"x-ms-error-code": "AuthorizationFailure"}), AuthError, "firewall"),
    (Fault("status", status=404, headers={"x-ms-error-code": "ContainerNotFound"}), NotFoundError, "export.container"),
    (Fault("status", status=429), ThrottledError, "tried 2 times"),
    (Fault("status", status=503), UnreachableError, "tried 2 times"),
    (Fault("hang"), UnreachableError, "no whole answer"),
    (Fault("reset"), UnreachableError, "no whole answer"),
    (Fault("cut"), UnreachableError, "no whole answer"),
    (Fault("truncate"), UnreachableError, "no whole answer|bytes where"),
]


@pytest.mark.parametrize("what", ["listing", "reading"])
@pytest.mark.parametrize(("fault", "kind", "words"), FAULTS)
def test_every_fault_is_told_for_what_it_is(
    cloud: AzureCloud, proxy: FaultProxy, what: str, *, fault: Fault, kind: type[SourceError], words: str
) -> None:
    cloud.put("b/faulty.csv", b"0123456789" * 100)
    found = blobs(cloud.connection_string(proxy.url))
    proxy.clear()
    (blob,) = found.listed("b/")
    proxy.inject(fault)
    with pytest.raises(kind, match=words) as raised:
        found.listed("b/") if what == "listing" else found.read(blob)
    assert azure.KEY not in str(raised.value)
    assert found.failure is raised.value


def test_what_passes_is_tried_again_as_long_as_is_asked(cloud: AzureCloud, proxy: FaultProxy) -> None:
    cloud.put("c/late.csv", b"123")
    found = blobs(cloud.connection_string(proxy.url))
    proxy.clear()
    proxy.inject(Fault("status", status=429, headers={"Retry-After": "0"}, times=1))
    (blob,) = found.listed("c/")
    proxy.inject(Fault("status", status=500, times=1))
    assert found.read(blob) == b"123"


def test_a_wait_that_is_too_long_is_left_to_the_next_collection(cloud: AzureCloud, proxy: FaultProxy) -> None:
    proxy.clear()
    proxy.inject(Fault("status", status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(ThrottledError):
        blobs(cloud.connection_string(proxy.url), attempts=3).listed("c/")


def page(marker: str) -> Response:
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<EnumerationResults ContainerName="{CONTAINER}"><Blobs/><NextMarker>{marker}</NextMarker>'
        "</EnumerationResults>"
    )
    return Response(body.encode(), headers={"Content-Type": "application/xml"})


def test_pages_are_read_to_their_end(cloud: AzureCloud) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.path)
        return page("" if "marker=2" in request.path else str(len(asked)))

    with answering(answer) as url:
        assert blobs(cloud.connection_string(url)).listed("") == []
    assert len(asked) == 3


def test_pages_that_go_round_in_a_circle_end(cloud: AzureCloud) -> None:
    with (
        answering(lambda _: page("again")) as url,
        pytest.raises(SourceError, match="stopped after 2 pages, as they do not end"),
    ):
        blobs(cloud.connection_string(url)).listed("")


def test_pages_that_never_end_do(cloud: AzureCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outlay.sources.azure.blobs.PAGES_MAX", 5)
    markers = iter(range(1000))
    with (
        answering(lambda _: page(str(next(markers)))) as url,
        pytest.raises(SourceError, match="stopped after 6 pages"),
    ):
        blobs(cloud.connection_string(url)).listed("")
