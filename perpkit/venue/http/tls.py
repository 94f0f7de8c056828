"""A self-signed certificate that is valid for the loopback only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from perpkit.durations import DAY

_VALID = timedelta(days=365)


@contextmanager
def certificate_file() -> Iterator[Path]:
    """Writes a PEM file with a fresh key and its certificate, and deletes it after the block.

    The certificate is self-signed, for localhost, 127.0.0.1 and ::1. No client has a reason to
    trust it: the overlay has Freqtrade skip verification (`"verify": false`).
    """
    with TemporaryDirectory(prefix="perpkit-venue-") as directory:
        path = Path(directory) / "venue.pem"
        # Unreadable for other users from the first byte on.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_key_and_certificate())
        yield path


def _key_and_certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "perpkit venue")])
    names = [
        x509.DNSName("localhost"),
        *(x509.IPAddress(ip_address(address)) for address in ("127.0.0.1", "::1")),
    ]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Valid a day early, so that a bot whose clock is shifted accepts it, too.
        .not_valid_before(now - DAY)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
