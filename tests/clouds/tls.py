"""A certificate for 127.0.0.1 and who signed it, for servers on loopback whose clients refuse to talk without TLS."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Tls:
    """Two PEM files: `cert` has the server's key and certificates, `ca` is what a client trusts."""

    cert: Path
    ca: Path

    def close(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.cert.parent)


def make() -> Tls:
    """Fresh files in a temporary folder, there until `close()`."""
    folder = Path(tempfile.mkdtemp(prefix="outlay-tls-"))
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    tls = Tls(folder / "server.pem", folder / "ca.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tls.cert))
    authority.cert_pem.write_to_path(str(tls.ca))
    return tls
