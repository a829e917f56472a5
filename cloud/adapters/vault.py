"""Seals the secrets within stored records, so that a table alone does not tell them.

Envelope encryption (AWS KMS developer guide, "Data keys"): KMS makes a key, this process seals
with it, and what is stored carries that key as KMS encrypted it.
"""

import base64
import binascii
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud.adapters.outside import reaching
from cloud.kernel.clock import Clock
from cloud.kernel.errors import BrokenInvariant

PURPOSE = {"purpose": "secret"}
"""The encryption context of the data keys; a role may be allowed KMS for this purpose only."""
SEALS_PER_KEY = 10_000
"""How many values one data key seals; far from where random nonces of 96 bits may meet."""
LASTS = timedelta(days=1)
"""How long a process goes on with a data key before it asks KMS again."""
KEYS_REMEMBERED = 512
"""How many opened data keys a process remembers; each other one costs a call of KMS."""

_VERSION = "v1"
_SEALED = re.compile(r"v1\.([\w-]+)\.([\w-]{16})\.([\w-]+)", re.ASCII)
_NONCE = 12
_NOT_OURS = {"InvalidCiphertextException", "IncorrectKeyException", "ValidationException"}


@dataclass(frozen=True, slots=True)
class _DataKey:
    """A data key as KMS encrypted it, and what it seals with."""

    encrypted: bytes
    cipher: AESGCM = field(repr=False)
    made_at: datetime


class Vault:
    """Seals and opens texts under one KMS key; any thread may call.

    The data key of this process is made at the first seal. A sealed text opens only with the
    context that it was sealed with, so that one which is moved to another record does not open.
    """

    def __init__(self, client: Any, key_id: str, *, clock: Clock) -> None:
        """Make a vault; KMS is not called yet.

        Args:
            client: boto3's of KMS.
            key_id: id, ARN or alias of the key.
            clock: tells how old a data key is.
        """
        self._client, self._key_id, self._clock = client, key_id, clock
        self._sealing, self._remembering = Lock(), Lock()
        self._current: _DataKey | None = None
        self._seals = 0
        self._opened: OrderedDict[bytes, _DataKey] = OrderedDict()

    def seal(self, plain: str, *, context: Mapping[str, str]) -> str:
        """Give a text that tells nothing without the key; the same text seals anew each time.

        Raises:
            Unavailable: KMS did not make a data key.
        """
        key = self._key_to_seal()
        nonce = secrets.token_bytes(_NONCE)
        # A text that is no Unicode would else be shown in the codec's exception.
        content = key.cipher.encrypt(nonce, plain.encode("utf-8", "surrogatepass"), _bound(context))
        return ".".join((_VERSION, _text(key.encrypted), _text(nonce), _text(content)))

    def open(self, sealed: str, *, context: Mapping[str, str]) -> str:
        """Give the text that was sealed.

        Raises:
            BrokenInvariant: it was not sealed here, or not with this context, or was changed.
            Unavailable: KMS did not open its data key.
        """
        found = _SEALED.fullmatch(sealed)
        if found is None:
            raise _unopened("it is not in a form known here")
        encrypted, nonce, content = (_octets(part) for part in found.groups())
        cipher = self._key_to_open(encrypted).cipher
        try:
            return cipher.decrypt(nonce, content, _bound(context)).decode("utf-8", "surrogatepass")
        except InvalidTag:
            raise _unopened("it was changed, or belongs to another record") from None

    def _key_to_seal(self) -> _DataKey:
        with self._sealing:
            now = self._clock.now()
            key = self._current
            if key is None or self._seals >= SEALS_PER_KEY or now - key.made_at >= LASTS:
                key = self._current = self._generate(now)
                self._seals = 0
            self._seals += 1
        return key

    def _generate(self, now: datetime) -> _DataKey:
        with reaching(f"asking KMS for a data key of {self._key_id}"):
            made = self._client.generate_data_key(
                KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=PURPOSE
            )
        key = _DataKey(bytes(made["CiphertextBlob"]), AESGCM(made["Plaintext"]), now)
        self._remember(key)
        return key

    def _key_to_open(self, encrypted: bytes) -> _DataKey:
        now = self._clock.now()
        with self._remembering:
            key = self._opened.get(encrypted)
            if key is not None and now - key.made_at < LASTS:
                self._opened.move_to_end(encrypted)
                return key
        key = _DataKey(encrypted, self._decrypt(encrypted), now)
        self._remember(key)
        return key

    def _decrypt(self, encrypted: bytes) -> AESGCM:
        with reaching(f"asking KMS to open a data key of {self._key_id}"):
            try:
                opened = self._client.decrypt(
                    KeyId=self._key_id, CiphertextBlob=encrypted, EncryptionContext=PURPOSE
                )
            except ClientError as refused:
                if refused.response["Error"]["Code"] not in _NOT_OURS:
                    raise
                raise _unopened(f"its data key is not one of {self._key_id}") from None
        return AESGCM(opened["Plaintext"])

    def _remember(self, key: _DataKey) -> None:
        with self._remembering:
            self._opened[key.encrypted] = key
            self._opened.move_to_end(key.encrypted)
            while len(self._opened) > KEYS_REMEMBERED:
                self._opened.popitem(last=False)


def _bound(context: Mapping[str, str]) -> bytes:
    """Give the context as bytes that no other context has; its order means nothing."""
    return json.dumps([_VERSION, sorted(context.items())]).encode()


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _octets(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise _unopened("it is torn") from None


def _unopened(why: str) -> BrokenInvariant:
    """Give the error for a text that does not open, which must not be shown itself."""
    return BrokenInvariant(
        f"opening a sealed value: {why}; nothing was read, look where the record was written"
    )
