"""Certificates for the tests of the device: an authority that gives out what it is asked for."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2040, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Authority:
    """Signs certificates, and writes each with its key as PEM and as DER."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.path = folder / f"{name}.der"
        _write(self.path, self._sign(self._name, self._key, is_ca=True))

    def give(self, name: str, *, host: str = "", until: datetime = FAR_AHEAD) -> Path:
        """Return the path, without its ending, of a certificate (.der, .pem) and key (.key.*)."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        path = self.folder / f"{self.path.stem}-{name}"
        _write(path.with_suffix(".der"), self._sign(subject, key, host=host, until=until))
        private = (serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
        for ending, encoding in (
            (".key.der", serialization.Encoding.DER),
            (".key.pem", serialization.Encoding.PEM),
        ):
            path.with_suffix(ending).write_bytes(key.private_bytes(encoding, *private))
        return path

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        host: str = "",
        until: datetime = FAR_AHEAD,
        is_ca: bool = False,
    ) -> x509.Certificate:
        draft = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(LONG_AGO)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if host:
            is_address = host.replace(".", "").isdigit()
            general = x509.IPAddress(ip_address(host)) if is_address else x509.DNSName(host)
            draft = draft.add_extension(x509.SubjectAlternativeName([general]), critical=False)
        return draft.sign(self._key, hashes.SHA256())


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    path.with_suffix(".pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
