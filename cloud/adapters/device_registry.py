"""Things and certificates of devices, in AWS IoT Core."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from cloud.adapters.outside import reaching
from cloud.kernel.errors import BadInput
from cloud.portfolio.ports import IssuedCertificate

_NOT_TAKEN = re.compile(r"[^a-zA-Z0-9_.,@/:#-]+")
"""What AWS does not take in an attribute of a thing ("CreateThing", AWS IoT API reference)."""
_MOST_VALUE = 800
_MOST_REQUEST = 4096


class IotDeviceRegistry:
    """`cloud.portfolio.ports.DeviceRegistry` over boto3's client of the service `iot`."""

    def __init__(self, client: Any, claim_policy: str) -> None:
        """Take the client, and the name of the policy that claim certificates get."""
        self._client, self._claim_policy = client, claim_policy

    def issue_claim(self, request_pem: str) -> IssuedCertificate:
        """See `DeviceRegistry.issue_claim`; its policy is attached before it is activated."""
        if len(request_pem) > _MOST_REQUEST or "BEGIN CERTIFICATE REQUEST" not in request_pem:
            msg = "making a claim certificate: that is no request for one (a CSR in PEM)"
            raise BadInput(msg)
        with reaching("making a claim certificate"):
            try:
                made = self._client.create_certificate_from_csr(
                    certificateSigningRequest=request_pem, setAsActive=False
                )
            except ClientError as refused:
                if _code(refused) != "InvalidRequestException":
                    raise
                msg = "making a claim certificate: AWS IoT does not take this request (CSR)"
                raise BadInput(msg) from refused
            self._client.attach_policy(policyName=self._claim_policy, target=made["certificateArn"])
            self._client.update_certificate(certificateId=made["certificateId"], newStatus="ACTIVE")
        return IssuedCertificate(made["certificateId"], made["certificatePem"])

    def retire(self, certificate_id: str) -> None:
        """See `DeviceRegistry.retire`."""
        with reaching(f"making certificate {certificate_id[:12]} inactive"):
            try:
                self._client.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
            except ClientError as refused:
                if _code(refused) != "ResourceNotFoundException":
                    raise

    def note(self, thing: str, attributes: Mapping[str, str]) -> None:
        """See `DeviceRegistry.note`; what AWS does not take becomes an underscore."""
        fitting = {
            name: _NOT_TAKEN.sub("_", value)[:_MOST_VALUE] for name, value in attributes.items()
        }
        with reaching(f"writing on thing {thing} what became of it"):
            try:
                self._client.update_thing(
                    thingName=thing, attributePayload={"attributes": fitting, "merge": True}
                )
            except ClientError as refused:
                if _code(refused) != "ResourceNotFoundException":
                    raise


def _code(refused: ClientError) -> str:
    return str(refused.response.get("Error", {}).get("Code", ""))


def new_token() -> str:
    """Give a token that nobody can guess: 160 bits, in letters that can be read out."""
    return secrets.token_hex(20)


def public_key_digest(certificate_pem: str) -> str:
    """Give the SHA-256 of a certificate's public key, the same for each certificate of one key.

    Raises:
        BadInput: it is no certificate.
    """
    # Only who lets devices in needs it, and it takes long to import.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        PublicFormat,
    )

    try:
        key = x509.load_pem_x509_certificate(certificate_pem.encode()).public_key()
        encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception as wrong:
        msg = "provisioning: certificatePem is no certificate"
        raise BadInput(msg) from wrong
    return hashlib.sha256(encoded).hexdigest()
