"""Exports in S3: listed and read by boto3, with its credentials, its errors, and the version that was listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from outlay.core.errors import AuthError, BillError, NotFoundError, SourceError, UnreachableError
from outlay.sources._aws import DENIED, Access, code_of
from outlay.sources._bills.bills import Bill
from outlay.sources.aws_export.places import File

EMPTY_PAGES_MAX = 100  # of a listing, one after the other


class Bucket:
    """A prefix of a bucket, as a place of exports and as the file system (fsspec's words) that their files need."""

    protocol = "s3"
    keeps_order = True

    def __init__(self, access: Access, url: str) -> None:
        """`url`: `s3://bucket/prefix`, the prefix being a folder."""
        self._access = access
        self._bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else prefix
        self._listed: dict[str, File] = {}
        self.location = f"s3://{self._bucket}/{self._prefix}".rstrip("/")
        self.failed: SourceError | None = None

    def files(self) -> list[File]:
        """Every object below the prefix."""
        with self._told(self.location, "s3:ListBucket", self._bucket):
            found = [self._file(entry) for page in self._pages() for entry in page.get("Contents", ())]
        self._listed = {_bare(file.path): file for file in found}
        return found

    def content(self, file: File) -> bytes:
        """An object as a whole."""
        return self.cat_file(file.path, 0, file.bill.size) if file.bill.size else b""

    def cat_file(self, path: str, start: int, end: int) -> bytes:
        """The bytes of a range, of the version that was listed. Raises what keeps `failed` too."""
        bill = self._listed[_bare(path)].bill
        asked = {
            "Bucket": self._bucket,
            "Key": _bare(path).partition("/")[2],
            "Range": f"bytes={start}-{end - 1}",
            "IfMatch": bill.version,
        }
        try:
            with self._told(bill.path, "s3:GetObject", f"{self._bucket}/{self._prefix}*"):
                return self._body(asked, end - start)
        except SourceError as error:
            self.failed = error
            raise

    def info(self, path: str) -> dict[str, Any]:
        """What the listing told of an object."""
        file = self._listed[_bare(path)]
        written = datetime.fromtimestamp(file.written, UTC)
        return {"name": path, "size": file.bill.size, "type": "file", "last_modified": written}

    def _pages(self) -> Iterator[Mapping[str, Any]]:
        """The listing. Raises SourceError for one that has no end, UnreachableError for one cut short."""
        empty, last = 0, None
        place = f"{self._access.name}: {self.location}"
        asked = {"Bucket": self._bucket, "Prefix": self._prefix}
        for page in self._client.get_paginator("list_objects_v2").paginate(**asked):
            # botocore takes what is cut short for the last page.
            if "IsTruncated" not in page or (page["IsTruncated"] and not page.get("NextContinuationToken")):
                raise UnreachableError(f"{place}: the answer is no whole listing")
            keys = [entry["Key"] for entry in page.get("Contents", ())]
            empty = 0 if keys else empty + 1
            if empty > EMPTY_PAGES_MAX or (keys and last is not None and keys[0] <= last):
                raise SourceError(f"{place}: the listing repeats itself without an end")
            last = keys[-1] if keys else last
            yield page

    def _file(self, entry: Mapping[str, Any]) -> File:
        path = f"s3://{self._bucket}/{entry['Key']}"
        return File(Bill(path, entry["Size"], entry["ETag"], self), entry["LastModified"].timestamp())

    def _body(self, asked: Mapping[str, Any], size: int) -> bytes:
        """The body, as often as we try: botocore tries again until an answer starts, and not beyond that."""
        from botocore.exceptions import HTTPClientError, IncompleteReadError

        reason = ""
        for _ in range(self._access.attempts):
            answer = self._client.get_object(**asked)
            try:
                body: bytes = answer["Body"].read()
            except (HTTPClientError, IncompleteReadError) as error:
                reason = type(error).__name__
                continue
            if len(body) == size:
                return body
            reason = f"{len(body)} bytes of {size}"
        place = f"{self._access.name}: s3://{asked['Bucket']}/{asked['Key']}"
        raise UnreachableError(f"{place}: cut short, tried {self._access.attempts} times, at last by {reason}")

    @cached_property
    def _client(self) -> Any:
        return self._access.client("s3")

    @contextmanager
    def _told(self, place: str, permission: str, resource: str) -> Iterator[None]:
        """Turns what S3 answers into errors that name the place and the permission."""
        with self._access.plain_errors():
            from botocore.exceptions import ClientError

            try:
                yield
            except ClientError as error:
                if explained := self._explained(error, place, f"{permission} on arn:%s:s3:::{resource}"):
                    raise explained from None
                raise

    def _explained(self, error: Any, place: str, need: str) -> SourceError | None:
        code, name = code_of(error), self._access.name
        if code in DENIED and error.operation_name in {"ListObjectsV2", "GetObject"}:
            said = error.response["Error"].get("Message") or "nothing more"
            took = need % self._access.partition
            return AuthError(f"{name}: {place}: access is denied; it takes {took}. AWS says: {said}")
        if code == "NoSuchBucket":
            return NotFoundError(f"{name}: there is no bucket {self._bucket}; check path, and endpoint_url if set")
        if code in {"NoSuchKey", "PreconditionFailed", "412"}:
            return BillError(f"{place}: written anew while it was read; it is read whole next time")
        return None


def _bare(path: str) -> str:
    return path.removeprefix("s3://")
