"""Whom to trust: the certificates of the system, or of a file that the settings name."""

from __future__ import annotations

import ssl

from outlay.core.errors import NotifyError


def trusting(ca_file: str | None) -> ssl.SSLContext:
    """What checks a server's certificate and its name. Raises NotifyError for a file that holds no certificates."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise NotifyError(f"ca_file {ca_file} cannot be used: {error.strerror or error}") from None
