"""The certificate of the API's own name, in AWS Certificate Manager."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cloud.adapters.outside import reaching


class AcmCertificate:
    """Tells when a certificate ends; one without a name is none, as a stack without a domain."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client, self._arn = client, arn

    def ends(self) -> Sequence[datetime]:
        """Give the instant at which it ends; nothing while there is none, or it is not issued.

        Raises:
            Unavailable: AWS Certificate Manager does not say.
        """
        if not self._arn:
            return ()
        with reaching("reading the certificate of the API"):
            found = self._client.describe_certificate(CertificateArn=self._arn)["Certificate"]
        return [found["NotAfter"]] if "NotAfter" in found else []
