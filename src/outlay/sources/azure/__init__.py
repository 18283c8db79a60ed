"""Azure by the exports of Cost Management, or by its Query API where there are none."""

from __future__ import annotations

from collections.abc import Iterator
from ssl import SSLContext, create_default_context
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from outlay.core.errors import SourceError
from outlay.core.ledger import Tally
from outlay.core.ports import Ledger
from outlay.core.span import Span, Window
from outlay.sources._bills.azure_columns import Order
from outlay.sources.azure._login import token_of
from outlay.sources.azure.access import URL, Access
from outlay.sources.azure.blobs import Blobs
from outlay.sources.azure.exports import Exports
from outlay.sources.azure.query import QueryApi

if TYPE_CHECKING:
    import pyarrow as pa


class Export(BaseModel):
    """Where Cost Management puts its files.

    `storage_account`  its name; not needed beside a connection string
    `container`        the container in it
    `path`             the folder in the container below which exports are looked for; all of it if left out
    `export_name`      only the export of this name, where there are several
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    storage_account: Annotated[str, Field(pattern=r"^[a-z0-9]{3,24}$")] | None = None
    container: Annotated[str, Field(pattern=r"^[a-z0-9$][a-z0-9-]{2,62}$")]
    path: str = ""
    export_name: str = ""


class Azure(Access):
    """Azure's costs: with `export` from the files Cost Management exports daily, without it by its Query API.

    `export`             the storage account and container of the exports
    `subscription_id`    whose costs the Query API is asked for; or
    `scope`              any scope of Azure, such as `/providers/Microsoft.Billing/billingAccounts/1234567`
    `blob_endpoint_url`  where the storage account is, in clouds other than the public one
    `date_order`         how files write days: `mdy`, `dmy`, or `auto`, by what is in them
    `currency`           of files that do not say theirs
    `keep_columns`       columns outside the layout to keep as tags of their own name; all others are left out
    """

    subscription_id: str | None = None
    scope: str | None = None
    export: Export | None = None
    blob_endpoint_url: Annotated[str, Field(pattern=URL)] | None = None
    date_order: Order = "auto"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    keep_columns: tuple[str, ...] = ()

    _ledger: Ledger = PrivateAttr(default_factory=Tally)

    def with_ledger(self, ledger: Ledger) -> Self:
        """The same source, which books its calls with `ledger`."""
        copy = self.model_copy()
        copy._ledger = ledger
        return copy

    def spans(self, window: Window) -> Iterator[Span]:
        """The months that were exported, newest first; or those of the window, to ask the Query API for."""
        return iter(self._way.spans(window))

    def fetch(self, span: Span) -> Iterator[pa.RecordBatch]:
        """Every charge of the span."""
        return self._way.fetch(span)

    def test(self) -> str:
        """Find the newest export and understand its columns, or ask the Query API for one day."""
        return self._way.test()

    @model_validator(mode="after")
    def _an_export_is_in_an_account(self) -> Self:
        if self.export and not (self.export.storage_account or self.blob_endpoint_url or self.connection_string):
            raise ValueError("export takes storage_account, or beside it a connection_string or blob_endpoint_url")
        return self

    @property
    def _way(self) -> Exports | QueryApi:
        return self._query_api() if self.export is None else self._exports(self.export)

    def _exports(self, export: Export) -> Exports:
        account = f"https://{export.storage_account}.blob.core.windows.net"
        return Exports(
            source=self.name,
            blobs=Blobs(self, self.blob_endpoint_url or account, export.container),
            path=export.path,
            export_name=export.export_name,
            order=self.date_order,
            currency=self.currency,
            keep_columns=self.keep_columns,
        )

    def _query_api(self) -> QueryApi:
        if not (self.scope or self.subscription_id):
            raise SourceError(f"{self.name}: nothing to ask about; set AZURE_SUBSCRIPTION_ID, scope or export")
        return QueryApi(
            source=self.name,
            scopes=(self.scope or f"/subscriptions/{self.subscription_id}",),
            token=lambda: token_of(self.identity, self.endpoint_url, self),
            endpoint_url=self.endpoint_url,
            attempts=self.attempts,
            timeout=self.timeout,
            ledger=self._ledger,
            verify=self._trusted(),
        )

    def _trusted(self) -> SSLContext | bool:
        if self.ca_file is None:
            return True
        try:
            return create_default_context(cafile=self.ca_file)
        except OSError:  # an SSLError is one
            raise SourceError(f"{self.name}: ca_file {self.ca_file}: not a file of PEM certificates") from None
