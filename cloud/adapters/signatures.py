"""Signs what comes back to us from outside: nobody without the key can make or change it."""

import hmac
from typing import Any

from cloud.adapters.outside import reaching


class KmsSignatures:
    """Signs with a KMS key, which never leaves KMS (AWS KMS developer guide, "HMAC keys")."""

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def of(self, text: bytes) -> bytes:
        """Give the signature of a text: 32 bytes, always the same for the same text.

        Raises:
            Unavailable: KMS did not answer.
        """
        with reaching("signing"):
            answer = self._client.generate_mac(
                KeyId=self._key_id, Message=text, MacAlgorithm="HMAC_SHA_256"
            )
        mac: bytes = answer["Mac"]
        return mac

    def is_of(self, text: bytes, signature: bytes) -> bool:
        """Tell whether a signature, or its first bytes, is this text's; at least 5 bytes count.

        Raises:
            Unavailable: KMS did not answer.
        """
        whole = self.of(text)
        return len(signature) >= 5 and hmac.compare_digest(whole[: len(signature)], signature)
