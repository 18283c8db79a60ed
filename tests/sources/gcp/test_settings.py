"""Settings and credentials: what can be said, and what is told of what is wrong."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from outlay.core.errors import AuthError, SourceError
from outlay.sources.gcp import Gcp
from outlay.sources.gcp.services import SERVICE_CATEGORIES, service_of
from outlay.sources.gcp.standard import resource_type
from outlay.sources.gcp.tags import pairs
from tests.sources.gcp.fake import FakeBigQuery


def refused(**settings: object) -> str:
    with pytest.raises(AuthError) as error:
        Gcp.model_validate({"dataset": "p.d", **settings}).test()
    return str(error.value)


def test_the_dataset_has_two_names() -> None:
    assert Gcp.model_validate({"bigquery_billing_dataset": "given.billing"}).dataset == "given.billing"
    with pytest.raises(ValueError, match="dataset"):
        Gcp.model_validate({"project_id": "p"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"dataset": "d`; DROP TABLE x"},
        {"dataset": "a.b.c d"},
        {"dataset": "d", "table": "t` UNION ALL"},
        {"dataset": "d", "project_id": "p`"},
        {"dataset": "d", "billing_account_id": "1' OR 1"},
        {"dataset": "d", "kind": "cheap"},
        {"dataset": "d", "attempts": 0},
        {"dataset": "d", "anonymous": True},
        {"dataset": "d", "surprise": 1},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Gcp.model_validate(wrong)


def test_settings_are_known_by_the_environment_people_have() -> None:
    assert Gcp.ENVIRONMENT == {
        "GCP_PROJECT_ID": "project_id",
        "GCP_CREDENTIALS_PATH": "credentials_path",
        "GCP_BIGQUERY_DATASET": "dataset",
        "GCP_BILLING_ACCOUNT_ID": "billing_account_id",
    }
    assert Gcp.model_validate({"dataset": "d", "usd_per_tib": "7.5"}).usd_per_tib == Decimal("7.5")


def test_without_the_client_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    with pytest.raises(SourceError, match=r"gcp: google-cloud-bigquery is missing; pip install 'outlay\[gcp\]'"):
        Gcp.model_validate({"dataset": "p.d"}).test()


def test_no_credentials_anywhere_tells_where_to_put_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    assert "set credentials_path or GCP_CREDENTIALS_PATH, or log in with: gcloud auth" in refused(project_id="p")


def test_credentials_files_that_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    assert f"credentials_path {path} cannot be read: No such file" in refused(credentials_path=path)
    path.write_text("no JSON")
    assert "is no key or credentials file of Google" in refused(credentials_path=path)
    path.write_text(json.dumps({"type": "web"}))
    assert "is of type 'web'; there are: service_account, authorized_user, external_account" in refused(
        credentials_path=path
    )
    path.write_text(json.dumps({"type": "service_account", "private_key": "hush", "client_email": "x"}))
    told = refused(credentials_path=path)
    assert "is damaged, or not whole" in told
    assert "hush" not in told


def test_a_user_s_credentials_need_a_project_to_ask_as(tmp_path: Path, fake: FakeBigQuery) -> None:
    path = tmp_path / "user.json"
    user = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "t"}
    path.write_text(json.dumps(user))
    with pytest.raises(SourceError, match="which project asks"):
        Gcp.model_validate({"dataset": "p.d", "credentials_path": path}).test()
    client = Gcp.model_validate({"dataset": "p.d", "credentials_path": path, "project_id": "asking"}).client()
    assert client.project == "asking"
    client.close()


def test_services_people_use_have_their_category() -> None:
    assert service_of("Compute Engine") == ("Compute", "Virtual Machines")
    assert service_of("BigQuery") == ("Databases", "Data Warehouses")
    assert service_of("Cloud Pub/Sub") == ("Integration", "Messaging")
    assert service_of("Somebody's product") == service_of(None) == ("Other", "Other (Other)")
    assert "Compute" in SERVICE_CATEGORIES


def test_resource_types_come_from_full_names() -> None:
    assert resource_type("//compute.googleapis.com/projects/p/zones/z/instance/7") == "instance"
    assert resource_type("name") is None
    assert resource_type(None) is None


def test_labels_that_are_no_list_are_told() -> None:
    assert pairs(None) == pairs("[]") == pairs("null") == []
    assert pairs('[{"key": "a", "value": 1}, {"key": null}]') == [("a", "1")]
    with pytest.raises(ValueError, match="no list of labels"):
        pairs('{"a": 1}')
