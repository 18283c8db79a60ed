"""OCI's Object Storage with cost reports, as far as the source `oci` goes: ListObjects and GetObject, signed.

What it answers is made of the SDK's own models; what it is asked is held to their parameters and to the signature.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.clouds.cloud import Charge
from tests.clouds.oci_reports import COST, FOCUS, REGION, TENANCY, Row, cost_line, focus_line, packed
from tests.clouds.serving import QuietHandler, Serving

USER = "ocid1.user.oc1..aaaaaaaauseroftests"
ORACLE = "bling"
SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Object:
    """An object: its bytes, when it was put, and the entity tag of this version."""

    data: bytes
    created: datetime
    etag: str

    @property
    def md5(self) -> str:
        return base64.b64encode(hashlib.md5(self.data, usedforsecurity=False).digest()).decode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets. With `length` beyond that of the body the connection breaks in its middle."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    delay: float = 0.0  # seconds before the first byte


def refusal(status: int, code: str, message: str, **headers: str) -> Answer:
    """An error as OCI tells it."""
    return Answer(status, json.dumps({"code": code, "message": message}).encode(), headers)


class Oci:
    """One tenancy with a bucket of reports. In Oracle's namespace, unless `namespace` is another.

    `answer`    what takes the place of an answer: given the path with its query, None for the right one
    `requests`  what was asked, in order
    """

    plugin = "oci"

    def __init__(self, namespace: str) -> None:
        self.namespace, self.bucket = namespace, TENANCY if namespace == ORACLE else "reports"
        self.objects: dict[str, Object] = {}
        self.requests: list[str] = []
        self.answer: Callable[[str], Answer | None] = lambda _: None
        self.page_objects = 1000
        self.token: str | None = None  # a session's, by which requests may be signed instead
        self.key = _key()
        self._versions = 0
        self._server = Serving(self._handler())
        self.url = self._server.url
        self._hosts = {urlsplit(self.url).netloc}

    @property
    def fingerprint(self) -> str:
        public = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        digest = hashlib.md5(public, usedforsecurity=False).hexdigest()
        return ":".join(digest[i : i + 2] for i in range(0, 32, 2))

    def pem(self, pass_phrase: str | None = None) -> str:
        """The private key."""
        kind = (
            serialization.BestAvailableEncryption(pass_phrase.encode()) if pass_phrase else serialization.NoEncryption()
        )
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, kind
        ).decode()

    def settings(self, url: str | None = None) -> dict[str, Any]:
        """The source's settings, with the key as one of them."""
        url = url or self.url
        self._hosts.add(urlsplit(url).netloc)
        elsewhere = {} if self.namespace == ORACLE else {"namespace": self.namespace, "bucket": self.bucket}
        return {
            "tenancy": TENANCY,
            "user": USER,
            "fingerprint": self.fingerprint,
            "key_content": self.pem(),
            "region": REGION,
            "endpoint_url": url,
            **elsewhere,
        }

    def give(self, charges: Sequence[Charge]) -> None:
        """A report a day in both formats. Days that had charges and have none now keep an empty report."""
        days: dict[date, list[Charge]] = {datetime.now(UTC).date(): []}
        for charge in charges:
            days.setdefault(charge.day, []).append(charge)
        reports: dict[str, tuple[bytes, date]] = {}
        for number, (day, some) in enumerate(sorted(days.items()), 1):
            file = f"{day:%Y%m%d}{number:08}-00001.csv.gz"
            lines = ([_focus(each, i) for i, each in enumerate(some)], [_cost(each, i) for i, each in enumerate(some)])
            reports[f"FOCUS Reports/{day:%Y/%m/%d}/{day:%Y%m%d}-00001.csv.gz"] = packed(lines[0]), day
            reports[f"reports/cost-csv/{file}"] = packed(lines[1], COST), day
        for name, old in self.objects.items():
            header = FOCUS if name.startswith("FOCUS") else COST
            reports.setdefault(name, (packed([], header), old.created.date()))
        for name, (data, day) in reports.items():
            self.put(name, data, day)

    def put(self, name: str, data: bytes, day: date | None = None) -> None:
        """Put an object, as written on a day (today); the same bytes again change nothing."""
        there = self.objects.get(name)
        if there is None or there.data != data:
            self._versions += 1
            day = day or datetime.now(UTC).date()
            created = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
            self.objects[name] = Object(data, created, f"etag-{self._versions}")

    def close(self) -> None:
        self._server.close()

    def answered(self, path: str, headers: Mapping[str, str]) -> Answer:
        """The answer to one GET."""
        self.requests.append(path)
        if instead := self.answer(path):
            return instead
        if not self._signed(path, headers):
            return refusal(401, "NotAuthenticated", "The required information to complete authentication was wrong.")
        parts = urlsplit(path)
        found = re.fullmatch(r"/n/([^/]+)/b/([^/]+)/o(?:/(.+))?", parts.path)
        if not found:
            return refusal(404, "NotAuthorizedOrNotFound", "resource not found")
        if (unquote(found[1]), unquote(found[2])) != (self.namespace, self.bucket):
            words = (
                f"Either the bucket named '{found[2]}' does not exist in the namespace '{found[1]}' or not authorized"
            )
            return refusal(404, "BucketNotFound", words)
        if found[3]:
            return self._object(unquote(found[3]), headers)
        return self._list({name: values[0] for name, values in parse_qs(parts.query).items()})

    def _list(self, asked: dict[str, str]) -> Answer:
        from oci.object_storage.models import ListObjects, ObjectSummary

        if asked.keys() - {"prefix", "start", "end", "limit", "delimiter", "fields", "startAfter"}:
            return refusal(400, "InvalidParameter", f"unknown parameters: {sorted(asked)}")
        limit = min(int(asked.get("limit", 1000)), 1000, self.page_objects)
        names = [name for name in sorted(self.objects) if name.startswith(asked.get("prefix", ""))]
        names = [name for name in names if name >= asked.get("start", "")]
        fields = set(asked.get("fields", "name").split(","))
        listed = [_told(ObjectSummary, self._summary(name), fields) for name in names[:limit]]
        more = {"next_start_with": names[limit]} if len(names) > limit else {}
        body = {"objects": listed, "prefixes": [], **_told(ListObjects, more)}
        return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _summary(self, name: str) -> dict[str, Any]:
        there = self.objects[name]
        created = there.created.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        about = {"etag": there.etag, "md5": there.md5, "time_created": created, "time_modified": created}
        return {"name": name, "size": len(there.data), **about}

    def _object(self, name: str, headers: Mapping[str, str]) -> Answer:
        there = self.objects.get(name)
        if there is None:
            return refusal(404, "ObjectNotFound", f"The object '{name}' was not found")
        if headers.get("if-match", there.etag) != there.etag:
            return refusal(412, "IfMatchFailed", "The If-Match header does not match the ETag")
        told = {"ETag": there.etag, "Content-Type": "application/octet-stream"}
        if named := re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", "")):
            first, last = int(named[1]), int(named[2] or len(there.data) - 1)
            told["Content-Range"] = f"bytes {first}-{last}/{len(there.data)}"
            return Answer(206, there.data[first : last + 1], told)
        return Answer(200, there.data, {**told, "Content-MD5": there.md5})

    def _signed(self, path: str, headers: Mapping[str, str]) -> bool:
        """Whether the request is signed by our key, just now. A proxy may have changed the host."""
        given = dict(re.findall(r'(\w+)="([^"]*)"', headers.get("authorization", "")))
        key_ids = {f"{TENANCY}/{USER}/{self.fingerprint}", f"ST${self.token}" if self.token else ""}
        date_given = headers.get("date") or headers.get("x-date") or ""
        if given.get("keyId") not in key_ids or given.get("algorithm") != "rsa-sha256" or not date_given:
            return False
        if not {"date", "(request-target)", "host"} <= set(given["headers"].split()):
            return False
        return abs(datetime.now(UTC) - parsedate_to_datetime(date_given)) < SKEW and any(
            self._verified(given, path, {**headers, "host": host}) for host in {headers["host"], *self._hosts}
        )

    def _verified(self, given: Mapping[str, str], path: str, headers: Mapping[str, str]) -> bool:
        lines = {**headers, "(request-target)": f"get {path}"}
        text = "\n".join(f"{name}: {lines.get(name, '')}" for name in given["headers"].split())
        try:
            signature = base64.b64decode(given["signature"])
            self.key.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def _handler(self) -> type[QuietHandler]:
        cloud = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                answer = cloud.answered(self.path, {name.lower(): value for name, value in self.headers.items()})
                time.sleep(answer.delay)
                self.send_response(answer.status)
                for name, value in {"opc-request-id": "tests", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(answer.length or len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                self.close_connection = answer.length is not None

        return Handler


def start(namespace: str = "copies") -> Oci:
    """Start one. Its bucket is a copy of ours, whose reports stay for ever: charges may be of any days."""
    return Oci(namespace)


@cache
def _key() -> rsa.RSAPrivateKey:
    """A key to throw away: making one takes longer than most tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _told(model: Any, values: Mapping[str, Any], wanted: set[str] | None = None) -> dict[str, Any]:
    """The values under the names that the SDK's model has for the wire."""
    names: Mapping[str, str] = model().attribute_map
    told = {names[name]: value for name, value in values.items()}
    return {name: value for name, value in told.items() if wanted is None or name in wanted}


def _focus(charge: Charge, number: int) -> Row:
    about = {"ChargeCategory": charge.category, "ServiceName": charge.service, "Region": charge.region}
    return focus_line(charge.day, f"{charge.amount:f}", **about, oci_ReferenceNumber=f"{charge.day}.{number}")


def _cost(charge: Charge, number: int) -> Row:
    about = {"product_service": charge.service, "product_region": charge.region}
    correction = "false" if charge.category == "Usage" else "true"
    line = cost_line(charge.day, f"{charge.amount:f}", **about, lineItem_isCorrection=correction)
    return line | {"lineItem/referenceNo": f"{charge.day}.{number}"}
