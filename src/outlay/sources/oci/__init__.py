"""OCI by its cost reports: FOCUS, or Oracle's own, from the Object Storage where Oracle puts them, or from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from outlay.core.errors import BillError, NotFoundError
from outlay.core.ledger import Tally
from outlay.core.ports import Ledger
from outlay.core.span import Span, Window
from outlay.objects import is_remote
from outlay.sources._bills.bills import Bill, understood
from outlay.sources._bills.deliveries import Terms, spans
from outlay.sources._bills.listing import found
from outlay.sources._bills.reading import Reading
from outlay.sources.oci import reports
from outlay.sources.oci.access import Auth, Identity
from outlay.sources.oci.reports import Report
from outlay.sources.oci.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa

ORACLE = "bling"  # the namespace of Oracle's own bucket of reports
KEPT = timedelta(days=365)  # Oracle deletes a report a year after it was written
TESTED_FILES = 50
FOLDERS = {"focus": "FOCUS Reports/", "cost": "reports/cost-csv/"}  # by format, the preferred one first
LAYOUTS = {"focus": "FOCUS", "cost": "OCI cost report"}
POLICY = "it takes the two policy statements of docs/sources/oci.md (endorse group ... to read objects in ...)"


class Oci(BaseModel):
    """OCI by its cost reports. Asking is free.

    Reports are read from Oracle's bucket (`bucket` in `namespace`: the tenancy's OCID in bling), from a bucket of
    your own with the same folders below `prefix`, or from `path`, a folder or files of this machine.

    `format`        FOCUS reports where there are any, else cost reports; both are the same money. Or one of the two
    `auth`          config (a profile of `config_file`, or user, fingerprint, key and region as settings),
                    instance_principal or resource_principal
    `region`        the tenancy's home region, where its reports are
    `late_days`     days for which lines of cost reports still come to their own month; later ones come to a later one
    `keep_columns`  columns to keep as tags of their own name
    `timeout`       seconds without a byte after which an attempt has failed
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    ENVIRONMENT: ClassVar[Mapping[str, str]] = {
        "OCI_CLI_TENANCY": "tenancy",
        "OCI_CLI_USER": "user",
        "OCI_CLI_FINGERPRINT": "fingerprint",
        "OCI_CLI_KEY_FILE": "key_file",
        "OCI_CLI_KEY_CONTENT": "key_content",
        "OCI_CLI_PASSPHRASE": "pass_phrase",
        "OCI_CLI_REGION": "region",
        "OCI_CLI_CONFIG_FILE": "config_file",
        "OCI_CLI_PROFILE": "profile",
    }
    SWITCH: ClassVar[tuple[str, ...]] = ("OCI_CLI_TENANCY", "OCI_CLI_PROFILE", "OCI_CLI_CONFIG_FILE")

    name: Annotated[str, Field(pattern=r"^[a-z0-9._-]+$")] = "oci"
    format: Literal["auto", "focus", "cost"] = "auto"
    path: str | None = None
    auth: Auth = "config"
    config_file: str = "~/.oci/config"
    profile: str = "DEFAULT"
    tenancy: str | None = None
    user: str | None = None
    fingerprint: str | None = None
    key_file: str | None = None
    key_content: SecretStr | None = None
    pass_phrase: SecretStr | None = None
    region: str | None = None
    namespace: Annotated[str, Field(min_length=1)] = ORACLE
    bucket: str | None = None
    prefix: str = ""
    endpoint_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    late_days: Annotated[int, Field(ge=0, le=365)] = 7
    keep_columns: tuple[str, ...] = ("oci_CompartmentName",)
    attempts: Annotated[int, Field(ge=1)] = 3  # per request, the first one included
    timeout: Annotated[float, Field(gt=0)] = 60.0

    _ledger: Ledger = PrivateAttr(default_factory=Tally)

    @model_validator(mode="after")
    def _a_key_is_whole(self) -> Self:
        if self.path and is_remote(self.path):
            raise ValueError("path is a folder or files of this machine; the source files reads buckets by their URL")
        if self.key_file and self.key_content:
            raise ValueError("key_file and key_content are two places for one key; give one")
        key = self.key_file or self.key_content
        if self.user and not (self.tenancy and self.fingerprint and key):
            raise ValueError("user takes tenancy, fingerprint and key_file or key_content beside it")
        if (self.fingerprint or key) and not self.user:
            raise ValueError("fingerprint and key are for user; give it, or leave all to the profile of config_file")
        return self

    def with_ledger(self, ledger: Ledger) -> Self:
        """The same source, which books its requests with `ledger`."""
        copy = self.model_copy()
        copy._ledger = ledger
        return copy

    def spans(self, window: Window) -> Iterator[Span]:
        """The billing months that the reports speak of, or everything at once. An asked window picks months.

        A month that Oracle has begun to delete is none: what was collected of it stays.
        """
        gone = datetime.now(UTC).date() - KEPT
        of_oracle = self.path is None and self.namespace == ORACLE
        for delivery in reports.deliveries(self._reports(), self.late_days):
            if not (of_oracle and delivery.month and delivery.month.start <= gone):
                yield from spans(self._terms, [delivery], window)

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """Every line of the reports billed in the span's months, report by report, as a stream."""
        repeats = reports.Repeats()
        with TemporaryDirectory(prefix="outlay-oci-") as folder:
            storage = None if self.path else self._storage()
            for report in reports.of_months(self._reports(storage), span.months, self.late_days):
                with _at_hand(report, storage, Path(folder) / "report") as bill:
                    content, booked = reports.content_of(bill.path), False
                    for batch in self._lines(report, bill, span):
                        if batch.num_rows and not booked:
                            repeats.refuse(report.bill.path, content)
                            booked = True
                        yield batch

    def test(self) -> str:
        """List the reports and read one byte of the newest; of `path`, understand the columns of the newest files."""
        storage = None if self.path else self._storage()
        there = self._reports(storage)
        newest = there[-1].item
        if storage is None or newest is None:
            layouts = sorted({understood(report.bill).name for report in there[-TESTED_FILES:]})
            return f"{len(there)} reports in {self.path}: {', '.join(layouts)}"
        storage.touch(newest)
        return f"{len(there)} reports in the bucket {storage.bucket}, the newest {newest.name}"

    def _reports(self, storage: Storage | None = None) -> list[Report]:
        """The reports of one format, by name. Raises NotFoundError when there are none."""
        if self.path:
            return self._files(self.path)
        storage = storage or self._storage()
        folder, dated = f"oci://{storage.bucket}@{storage.namespace}", storage.namespace == ORACLE
        wanted = [prefix for kind, prefix in FOLDERS.items() if self.format in {"auto", kind}]
        for prefix in wanted:
            if items := storage.objects(self.prefix + prefix):
                return [reports.of_object(item, folder, dated) for item in items]
        raise NotFoundError(
            f"{self.name}: no reports in the bucket {storage.bucket} of {storage.namespace}; looked for"
            f" {' and '.join(self.prefix + prefix for prefix in wanted)}. Oracle writes the first within a day of the"
            " first usage, and into the tenancy's home region only"
        )

    def _files(self, path: str) -> list[Report]:
        layouts = {bill: reports.format_of(bill) for bill in found(path, {})}
        names = {name for name in layouts.values() if name}
        wanted = [name for kind, name in LAYOUTS.items() if self.format in {"auto", kind} and name in names]
        if not wanted:
            there = ", ".join(sorted(names)) or "none"
            raise NotFoundError(f"{self.name}: no reports of the format {self.format} at {path}; there are: {there}")
        return [reports.of_file(bill) for bill, name in layouts.items() if name == wanted[0]]

    def _storage(self) -> Storage:
        identity = Identity(
            place=self.name,
            auth=self.auth,
            config_file=self.config_file,
            profile=self.profile,
            tenancy=self.tenancy,
            user=self.user,
            fingerprint=self.fingerprint,
            key_file=self.key_file,
            region=self.region,
            key_content=self.key_content,
            pass_phrase=self.pass_phrase,
        )
        client, tenancy = identity.client(self.endpoint_url, self.timeout)
        return Storage(
            place=self.name,
            client=client,
            namespace=self.namespace,
            bucket=self.bucket or tenancy,
            needs=POLICY,
            attempts=self.attempts,
            before=lambda operation: self._ledger.pay(operation, Decimal(0), tenancy),
        )

    @property
    def _terms(self) -> Terms:
        return Terms(self.name, self.keep_columns)

    def _lines(self, report: Report, bill: Bill, span: Span) -> Iterator[pa.RecordBatch]:
        layout = understood(bill)
        terms = replace(self._terms, instead=reports.instead(report, layout, self.late_days))
        yield from Reading(bill, layout, terms.columns(layout)).charges(None if span.is_everything else span.months)


@contextmanager
def _at_hand(report: Report, storage: Storage | None, target: Path) -> Iterator[Bill]:
    """The report as a file of this machine, downloaded if need be; faults in it are told by its own name."""
    if storage is None or report.item is None:
        yield report.bill
        return
    storage.download(report.item, target)
    try:
        yield replace(report.bill, path=str(target))
    except BillError as error:
        raise BillError(str(error).replace(str(target), report.bill.path)) from None
    finally:
        target.unlink()
