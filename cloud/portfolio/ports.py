"""What the portfolio needs from outside: who keeps the certificates of devices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that was signed.

    Attributes:
        id: the SHA-256 of its DER form, by which it is known from then on.
        pem: the certificate itself; it is no secret.
    """

    id: str
    pem: str


class DeviceRegistry(Protocol):
    """Keeps things and certificates: AWS IoT Core, or what stands for it on this machine."""

    def issue_claim(self, request_pem: str) -> IssuedCertificate:
        """Sign a request (CSR) and let the certificate ask for devices' own ones, nothing else.

        The key was made by who asks, and is not known here. Asked again, it signs another one.

        Raises:
            BadInput: it is no request.
            Unavailable: nothing was signed, or nobody was told.
        """
        ...

    def retire(self, certificate_id: str) -> None:
        """Make a certificate inactive: whoever is connected with it is thrown off.

        One that is inactive already, or is not there, changes nothing.

        Raises:
            Unavailable: it may still work; asking again is safe.
        """
        ...

    def note(self, thing: str, attributes: Mapping[str, str]) -> None:
        """Write on a thing what became of it; letters that AWS does not take are left out.

        A thing that is not there is left so: it was never provisioned.

        Raises:
            Unavailable: it was not written; asking again is safe.
        """
        ...
