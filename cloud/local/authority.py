"""A certificate authority of this machine's own, so that TLS is always on."""

import json
import os
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TypeGuard

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput

# The runtime's clock may stand years from today, TLS always looks at the wall clock: both must
# find the certificates valid, so they begin before either can be and last for thirty years.
NOT_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2050, 1, 1, tzinfo=UTC)

_THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_COMMON_NAME_MAX = 64
_LEAST_CURVE_BITS, _LEAST_RSA_BITS = 256, 2048
"""What AWS IoT takes ("X.509 client certificates", AWS IoT Core developer guide)."""
_Key = ec.EllipticCurvePrivateKey
_PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class Credentials:
    """The three files a device connects with (PEM)."""

    cert_path: Path
    key_path: Path
    ca_path: Path


class Authority:
    """Makes and keeps certificates in one folder; asked again, it gives the same ones again.

    It is for the simulated homes of one machine: keys are made here and lie in plain files that
    only their owner can read. On AWS a device makes its own key and the service signs.
    """

    def __init__(self, folder: Path, *, clock: Clock) -> None:
        """Open the authority in a folder, or make it at first start.

        Raises:
            BadInput: The folder holds a key without its certificate, or the other way round.
        """
        self._folder, self._clock = folder, clock
        self._issued: dict[str, str] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ca_path, key_path = folder / "ca.pem", folder / "ca.key"
        if self.ca_path.exists() != key_path.exists():
            raise BadInput(f"{folder}: only one of ca.pem and ca.key is there; remove the folder")
        if not key_path.exists():
            self._make_ca(key_path)
        self._key = _load_key(key_path)
        self._certificate = x509.load_pem_x509_certificate(self.ca_path.read_bytes())

    def server_certificate(
        self, hosts: Sequence[str] = ("localhost", "127.0.0.1")
    ) -> tuple[Path, Path]:
        """Give the certificate and key files of a server that is reached under these names."""
        cert_path, key_path = self._paths("server-" + re.sub(r"[^\w.-]", "_", "_".join(hosts)))
        names = [_general_name(host) for host in hosts]
        if not cert_path.exists():
            alternatives = x509.SubjectAlternativeName(names)
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
            self._issue(hosts[0], usage, cert_path, key_path, alternatives)
        return cert_path, key_path

    def device_certificate(self, thing: str) -> Credentials:
        """Give a thing's credentials; the certificate's common name is the thing's name.

        Each first issue is a line of `issued.jsonl`, so that a `principal()` in a record can be
        traced back to its thing.

        Raises:
            BadInput: IoT Core would not take the name, or it is too long for a certificate.
        """
        if not _THING_NAME.fullmatch(thing) or len(thing) > _COMMON_NAME_MAX:
            raise BadInput(f"thing name {thing!r}: want 1 to 64 of a-z A-Z 0-9 : _ -")
        cert_path, key_path = self._paths("device-" + thing.replace(":", "%3A"))
        if not cert_path.exists():
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
            certificate = self._issue(thing, usage, cert_path, key_path)
            self._note(thing, certificate)
        return Credentials(cert_path, key_path, self.ca_path)

    def sign(self, request_pem: str) -> tuple[str, str]:
        """Sign a device's own request (CSR); give the certificate's id and its text (PEM).

        The key stays where it was made. Of the request only its key and its common name are taken;
        whether the certificate may do anything is the registry's business, and not in it.

        Raises:
            BadInput: it is no request, its signature is wrong, or its key is a weak one.
        """
        try:
            request = x509.load_pem_x509_csr(request_pem.encode())
            key, is_signed = request.public_key(), request.is_signature_valid
            names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            name = str(names[0].value) if len(names) == 1 else ""
        except Exception as wrong:
            raise BadInput("the certificate signing request cannot be read") from wrong
        if not is_signed or not _is_strong(key):
            raise BadInput("the certificate signing request has a wrong signature or a weak key")
        if not _THING_NAME.fullmatch(name) or len(name) > _COMMON_NAME_MAX:
            name = "device"
        certificate = (
            _draft(_name(name), self._certificate.subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        return certificate.fingerprint(hashes.SHA256()).hex(), pem

    def thing_of(self, certificate_id: str) -> str | None:
        """Give the thing that `device_certificate` made a certificate for, None for any other."""
        issued = self._folder / "issued.jsonl"
        if certificate_id not in self._issued and issued.exists():
            for line in issued.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self._issued[entry["certificate_id"]] = entry["thing"]
        return self._issued.get(certificate_id)

    def revocation_list(self, certificates: Sequence[str]) -> bytes:
        """Give the list (CRL, PEM) by which another broker knows what does not work any more.

        Args:
            certificates: texts of those that are inactive, also those that were never active: a
                broker that knows no registry would believe the name in them.
        """
        draft = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(NOT_BEFORE)
            .next_update(NOT_AFTER)
        )
        for pem in certificates:
            one = x509.load_pem_x509_certificate(pem.encode())
            revoked = (
                x509.RevokedCertificateBuilder()
                .serial_number(one.serial_number)
                .revocation_date(NOT_BEFORE)
                .build()
            )
            draft = draft.add_revoked_certificate(revoked)
        return draft.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def server_context(self) -> ssl.SSLContext:
        """Give a TLS context for a listener that lets in our devices only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self.server_certificate())
        context.load_verify_locations(self.ca_path)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def device_context(self, thing: str) -> ssl.SSLContext:
        """Give a TLS context with which a thing connects to our listener."""
        credentials = self.device_certificate(thing)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(credentials.ca_path)
        context.load_cert_chain(credentials.cert_path, credentials.key_path)
        return context

    def _paths(self, name: str) -> tuple[Path, Path]:
        return self._folder / f"{name}.pem", self._folder / f"{name}.key"

    def _make_ca(self, key_path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Sunreeve local authority")
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        certificate = (
            _draft(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(key_path, _pem(key))
        _write(self.ca_path, certificate.public_bytes(serialization.Encoding.PEM))

    def _issue(
        self,
        common_name: str,
        usage: x509.ExtendedKeyUsage,
        cert_path: Path,
        key_path: Path,
        alternatives: x509.SubjectAlternativeName | None = None,
    ) -> x509.Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        draft = (
            _draft(_name(common_name), self._certificate.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=False)
        )
        if alternatives:
            draft = draft.add_extension(alternatives, critical=False)
        certificate = draft.sign(self._key, hashes.SHA256())
        # the certificate is written last: where it is, its key is
        _write(key_path, _pem(key))
        _write(cert_path, certificate.public_bytes(serialization.Encoding.PEM))
        return certificate

    def _note(self, thing: str, certificate: x509.Certificate) -> None:
        line = {
            "thing": thing,
            "certificate_id": certificate.fingerprint(hashes.SHA256()).hex(),
            "at": self._clock.now().isoformat(),
        }
        with (self._folder / "issued.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _is_strong(key: object) -> TypeGuard[_PublicKey]:
    """Tell whether a key is of a kind and length that AWS IoT takes."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.key_size >= _LEAST_CURVE_BITS
    return isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _draft(subject: x509.Name, issuer: x509.Name, key: _PublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
    )


def _pem(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _load_key(path: Path) -> _Key:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadInput(f"{path}: not an elliptic-curve key; remove the folder")
    return key


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
