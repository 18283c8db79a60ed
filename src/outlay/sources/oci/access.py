"""Access to OCI: which signer, which client, whose tenancy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from outlay.core.errors import AuthError, SourceError

Auth = Literal["config", "instance_principal", "resource_principal"]

KEYS = "tenancy, user, fingerprint, region and key_file (or key_content)"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who we are, as the settings say it. What is left out comes from the profile of the config file.

    `place`  what errors call the source
    """

    place: str
    auth: Auth
    config_file: str
    profile: str
    tenancy: str | None
    user: str | None
    fingerprint: str | None
    key_file: str | None
    region: str | None
    key_content: SecretStr | None = field(repr=False)
    pass_phrase: SecretStr | None = field(repr=False)

    def client(self, endpoint_url: str | None, timeout: float) -> tuple[Any, str]:
        """An Object Storage client that neither retries nor breaks circuits, and the OCID of our tenancy.

        Raises AuthError for what is missing or wrong in the credentials, SourceError without the SDK.
        """
        try:
            import oci
        except ImportError:
            raise SourceError(f"{self.place}: the package oci is missing; pip install 'outlay[oci]'") from None
        with self._plain_errors():
            config, signer = self._config(oci)
            signed = {"signer": signer} if signer else {}
            client = oci.object_storage.ObjectStorageClient(
                config,
                timeout=(min(timeout, 10.0), timeout),
                retry_strategy=oci.retry.NoneRetryStrategy(),
                circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
                **({"service_endpoint": endpoint_url} if endpoint_url else {}),
                **signed,
            )
            return client, self.tenancy or config.get("tenancy") or signer.tenancy_id

    def _config(self, oci: Any) -> tuple[dict[str, Any], Any]:
        """The SDK's configuration, and the signer where it is not an API key's."""
        if self.auth == "instance_principal":
            signer = oci.auth.signers.InstancePrincipalsSecurityTokenSigner()
            return {"region": self.region or signer.region}, signer
        if self.auth == "resource_principal":
            signer = oci.auth.signers.get_resource_principals_signer()
            return {"region": self.region or signer.region}, signer
        config = self._explicit() if self.user else oci.config.from_file(self.config_file, self.profile)
        config |= {"tenancy": self.tenancy} if self.tenancy else {}
        config |= {"region": self.region} if self.region else {}
        if token := config.get("security_token_file"):  # as `oci session authenticate` writes it
            key = oci.signer.load_private_key_from_file(config["key_file"], config.get("pass_phrase"))
            return config, oci.auth.signers.SecurityTokenSigner(Path(token).expanduser().read_text(), key)
        oci.config.validate_config(config)
        return config, None

    def _explicit(self) -> dict[str, Any]:
        secrets = {"key_content": self.key_content, "pass_phrase": self.pass_phrase}
        return {
            "user": self.user,
            "fingerprint": self.fingerprint,
            **({"key_file": self.key_file} if self.key_file else {}),
            **{name: secret.get_secret_value() for name, secret in secrets.items() if secret},
        }

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        """Turns what the SDK says about credentials into words. The chain is broken: it may quote them."""
        from oci import exceptions

        try:
            yield
        except (exceptions.ConfigFileNotFound, exceptions.ProfileNotFound):
            missing = f"profile {self.profile} in {self.config_file}"
            raise AuthError(f"{self.place}: there is no {missing}; write it, or set {KEYS}") from None
        except exceptions.InvalidConfig as error:
            faults = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
            told = ", ".join(f"{name} is {fault}" for name, fault in faults.items()) or "it is not valid"
            place = "the settings" if self.user else f"the profile {self.profile} of {self.config_file}"
            raise AuthError(f"{self.place}: {place}: {told}; it takes {KEYS}") from None
        except exceptions.MissingPrivateKeyPassphrase:
            raise AuthError(f"{self.place}: the private key is encrypted; set pass_phrase") from None
        except (exceptions.InvalidPrivateKey, exceptions.InvalidKeyFilePath, OSError) as error:
            if self.auth == "config":
                raise AuthError(
                    f"{self.place}: no private key can be read from key_file or key_content ({type(error).__name__});"
                    " it is a PEM file that starts with -----BEGIN"
                ) from None
            raise self._no_principal(error) from None
        except SourceError:
            raise
        except Exception as error:
            raise self._no_principal(error) from None

    def _no_principal(self, error: Exception) -> AuthError:
        kind, words = type(error).__name__, self.auth.replace("_", " ")
        where = {
            "instance_principal": "it works on an OCI instance only, in a dynamic group with the policy of the docs",
            "resource_principal": "it works where OCI sets OCI_RESOURCE_PRINCIPAL_VERSION, as in functions",
        }.get(self.auth, f"check {KEYS}")
        return AuthError(f"{self.place}: no credentials by {words} ({kind}); {where}")
