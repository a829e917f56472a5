"""KMS stand-in: keys that never leave it, and what is sealed with them.

After the AWS KMS API reference and developer guide (chapter names in quotes). A key's material is
a file that only its owner can read; rotation adds a version and forgets none.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import secrets
import struct
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput
from cloud.local.dynamodb.hook import ServiceError

ACCOUNT = "000000000000"
REGION = "us-east-1"
ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:"
LARGEST_PLAINTEXT = 4096
"""Of Encrypt, in bytes (API reference)."""
LARGEST_CIPHERTEXT = 6144
"""Of Decrypt, in bytes (API reference)."""
LARGEST_DATA_KEY = 1024
"""Of GenerateDataKey, in bytes (API reference)."""

_MAGIC = b"SRK\x01"
_NONCE = 12
_TAG = 16
_ALGORITHM = "SYMMETRIC_DEFAULT"
_KNOWN = {
    "Description", "Enabled", "EnableKeyRotation", "KeyPolicy", "KeyUsage", "KeySpec", "Tags",
    "PendingWindowInDays", "RotationPeriodInDays", "MultiRegion", "Origin",
    "BypassPolicyLockoutSafetyCheck",
}  # fmt: skip
_ONLY = {"MultiRegion": False, "Origin": "AWS_KMS"}
_SEALS, _SIGNS = "ENCRYPT_DECRYPT", "GENERATE_VERIFY_MAC"
_SPECS = {_SEALS: _ALGORITHM, _SIGNS: "HMAC_256"}
"""What a key may be for -> the one kind of key that is made for it here."""
_MAC = "HMAC_SHA_256"

_Params = Mapping[str, Any]


@dataclass(slots=True)
class _Key:
    """One key; `versions` holds the material, which is never shown."""

    name: str
    definition: Mapping[str, Any]
    versions: dict[int, bytes] = field(default_factory=dict, repr=False)
    made_at: datetime | None = None

    @property
    def usage(self) -> str:
        """What it is for: to seal, or to sign."""
        return str(self.definition.get("KeyUsage", _SEALS))

    @property
    def arn(self) -> str:
        """The name by which AWS knows it everywhere."""
        return f"{ARN}key/{self.name}"

    @property
    def is_enabled(self) -> bool:
        """Whether it may be used."""
        return bool(self.definition.get("Enabled", True))


class Keys:
    """Answers boto3's KMS client; any thread may call.

    A key's id is its name in the template, as `Ref` gives it here. Each is found by id, ARN, alias
    and the alias's ARN.
    """

    def __init__(
        self,
        folder: Path,
        definitions: Mapping[str, Mapping[str, Any]],
        clock: Clock,
        *,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        """Open the keys in a folder, and make those that are new.

        Args:
            folder: where their material is kept.
            definitions: each key's properties in the template, by its name.
            clock: tells when a key was made.
            aliases: alias, such as `alias/records` -> name of the key.

        Raises:
            BadInput: a property or an alias cannot be honoured, or a file of material is damaged.
        """
        self._folder, self._clock, self._lock = folder, clock, Lock()
        self._keys = {name: _Key(name, _checked(name, of)) for name, of in definitions.items()}
        self._aliases = dict(aliases or {})
        for alias, name in self._aliases.items():
            if name not in self._keys or not re.fullmatch(r"alias/[\w/-]+", alias, re.ASCII):
                msg = f"alias {alias} of key {name}: it is 'alias/...' of a key of the template"
                raise BadInput(msg)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for key in self._keys.values():
            self._load(key)
            if not key.versions:
                self._add_version(key)

    def call(self, operation: str, parameters: _Params) -> dict[str, Any]:
        """Answer one call with what boto3 would parse from KMS's reply.

        Raises:
            ServiceError: with KMS's own codes (NotFoundException, InvalidCiphertextException).
        """
        if operation not in _OPERATIONS:
            raise _unsupported(f"KMS {operation}")
        answer, known = _OPERATIONS[operation]
        unknown = sorted(set(parameters) - known - {"GrantTokens"})
        if unknown:
            raise _unsupported(f"{unknown[0]} of KMS {operation}")
        for name in ("EncryptionAlgorithm", *_ALGORITHMS):
            if parameters.get(name, _ALGORITHM) != _ALGORITHM:
                message = f"{name} {parameters[name]} is incompatible with a symmetric key"
                raise ServiceError("InvalidKeyUsageException", message)
        return answer(self, parameters)

    def rotate(self, name: str) -> int:
        """Add a version to a key and give its number; what older ones sealed still opens.

        Raises:
            BadInput: there is no such key, or it signs: then it is never rotated.
        """
        if name in self._keys and self._keys[name].usage != _SEALS:
            msg = f"rotating key {name}: a key that signs cannot be rotated; make another one"
            raise BadInput(msg)
        if name not in self._keys:
            msg = f"rotating key {name}: there is none; the template has {sorted(self._keys)}"
            raise BadInput(msg)
        return self._add_version(self._keys[name])

    # ------------------------------------------------------------------ operations
    def _encrypt(self, parameters: _Params) -> dict[str, Any]:
        plaintext = _bytes(parameters["Plaintext"])
        if not 1 <= len(plaintext) <= LARGEST_PLAINTEXT:
            raise _invalid(f"Plaintext has 1 to {LARGEST_PLAINTEXT} bytes, not {len(plaintext)}")
        key = self._usable(parameters["KeyId"])
        blob = self._seal(key, plaintext, parameters.get("EncryptionContext"))
        return {"CiphertextBlob": blob, "KeyId": key.arn, "EncryptionAlgorithm": _ALGORITHM}

    def _decrypt(self, parameters: _Params) -> dict[str, Any]:
        key, plaintext = self._open(
            parameters["CiphertextBlob"],
            parameters.get("KeyId"),
            parameters.get("EncryptionContext"),
        )
        return {"Plaintext": plaintext, "KeyId": key.arn, "EncryptionAlgorithm": _ALGORITHM}

    def _re_encrypt(self, parameters: _Params) -> dict[str, Any]:
        destination = self._usable(parameters["DestinationKeyId"])
        source, plaintext = self._open(
            parameters["CiphertextBlob"],
            parameters.get("SourceKeyId"),
            parameters.get("SourceEncryptionContext"),
        )
        context = parameters.get("DestinationEncryptionContext")
        return {
            "CiphertextBlob": self._seal(destination, plaintext, context),
            "SourceKeyId": source.arn,
            "KeyId": destination.arn,
            "SourceEncryptionAlgorithm": _ALGORITHM,
            "DestinationEncryptionAlgorithm": _ALGORITHM,
        }

    def _generate_data_key(self, parameters: _Params) -> dict[str, Any]:
        key = self._usable(parameters["KeyId"])
        plaintext = secrets.token_bytes(_data_key_bytes(parameters))
        blob = self._seal(key, plaintext, parameters.get("EncryptionContext"))
        return {"CiphertextBlob": blob, "Plaintext": plaintext, "KeyId": key.arn}

    def _generate_without_plaintext(self, parameters: _Params) -> dict[str, Any]:
        made = self._generate_data_key(parameters)
        del made["Plaintext"]
        return made

    def _generate_mac(self, parameters: _Params) -> dict[str, Any]:
        key = self._usable(parameters["KeyId"], _SIGNS)
        mac = self._mac(key, parameters)
        return {"Mac": mac, "MacAlgorithm": _MAC, "KeyId": key.arn}

    def _verify_mac(self, parameters: _Params) -> dict[str, Any]:
        key = self._usable(parameters["KeyId"], _SIGNS)
        if not hmac.compare_digest(_bytes(parameters["Mac"]), self._mac(key, parameters)):
            raise ServiceError("KMSInvalidMacException", "")
        return {"MacValid": True, "MacAlgorithm": _MAC, "KeyId": key.arn}

    def _mac(self, key: _Key, parameters: _Params) -> bytes:
        """Give the code of a message; a key that signs is never rotated ("HMAC keys")."""
        message = _bytes(parameters["Message"])
        if not 1 <= len(message) <= LARGEST_PLAINTEXT:
            raise _invalid(f"Message has 1 to {LARGEST_PLAINTEXT} bytes, not {len(message)}")
        if parameters["MacAlgorithm"] != _MAC:
            raise ServiceError("InvalidKeyUsageException", f"MacAlgorithm is {_MAC} here")
        return hmac.new(key.versions[1], message, hashlib.sha256).digest()

    def _describe_key(self, parameters: _Params) -> dict[str, Any]:
        key = self._find(parameters["KeyId"])
        spec = _SPECS[key.usage]
        is_seal = key.usage == _SEALS
        ways = {"EncryptionAlgorithms": [spec]} if is_seal else {"MacAlgorithms": [_MAC]}
        return {
            "KeyMetadata": {
                "AWSAccountId": ACCOUNT,
                "KeyId": key.name,
                "Arn": key.arn,
                "CreationDate": key.made_at,
                "Enabled": key.is_enabled,
                "Description": key.definition.get("Description", ""),
                "KeyUsage": key.usage,
                "KeyState": "Enabled" if key.is_enabled else "Disabled",
                "Origin": "AWS_KMS",
                "KeyManager": "CUSTOMER",
                "CustomerMasterKeySpec": spec,
                "KeySpec": spec,
                **ways,
                "MultiRegion": False,
            }
        }

    def _list_aliases(self, parameters: _Params) -> dict[str, Any]:
        wanted = self._find(parameters["KeyId"]).name if "KeyId" in parameters else None
        after, limit = parameters.get("Marker", ""), parameters.get("Limit", 50)
        if not 1 <= limit <= 1000:
            raise _invalid(f"Limit is 1 to 1000, not {limit}")
        found = [
            {"AliasName": alias, "AliasArn": ARN + alias, "TargetKeyId": name}
            for alias, name in sorted(self._aliases.items())
            if wanted in {None, name} and alias > after
        ]
        page: dict[str, Any] = {"Aliases": found[:limit], "Truncated": len(found) > limit}
        return page | ({"NextMarker": found[limit - 1]["AliasName"]} if page["Truncated"] else {})

    # ------------------------------------------------------------------ keys by their names
    def _find(self, key_id: str) -> _Key:
        """Give a key by whatever names it ("Key identifiers").

        Raises:
            ServiceError: nothing is called that.
        """
        resource = key_id.removeprefix(ARN)
        name = self._aliases.get(resource, resource.removeprefix("key/"))
        is_arn = resource != key_id
        is_key_arn = is_arn and resource == f"key/{name}"
        is_known = resource in self._aliases or is_key_arn or (not is_arn and key_id == name)
        if name not in self._keys or not is_known:
            message = f"{key_id!r} names neither a key nor an alias here"
            raise ServiceError("NotFoundException", message)
        return self._keys[name]

    def _usable(self, key_id: str, usage: str = _SEALS) -> _Key:
        key = self._find(key_id)
        if not key.is_enabled:
            raise ServiceError("DisabledException", f"{key.arn} is disabled.")
        if key.usage != usage:
            message = f"{key.arn} key usage is {key.usage} which is not valid for this operation."
            raise ServiceError("InvalidKeyUsageException", message)
        return key

    # ------------------------------------------------------------------ sealing
    def _seal(self, key: _Key, plaintext: bytes, context: Mapping[str, str] | None) -> bytes:
        """Give a blob that says which version of which key opens it, and vouches for that."""
        with self._lock:
            version = max(key.versions)
            material = AESGCM(key.versions[version])
        name = key.name.encode()
        head = _MAGIC + struct.pack(">BI", len(name), version) + name
        nonce = secrets.token_bytes(_NONCE)
        return head + nonce + material.encrypt(nonce, plaintext, head + _canonical(context))

    def _open(
        self, given: Any, key_id: str | None, context: Mapping[str, str] | None
    ) -> tuple[_Key, bytes]:
        """Give the key and the plaintext of a blob.

        Raises:
            ServiceError: it was not sealed here, with this context, by that key; or the key is
                disabled.
        """
        blob = _bytes(given)
        if not 1 <= len(blob) <= LARGEST_CIPHERTEXT:
            raise _invalid(f"CiphertextBlob has 1 to {LARGEST_CIPHERTEXT} bytes, not {len(blob)}")
        asked = None if key_id is None else self._usable(key_id)
        found = _read_head(blob)
        if found is None or found[0] not in self._keys:
            raise _unopened()
        name, version, length = found
        key = self._keys[name]
        if asked is not None and asked is not key:
            message = "The key ID in the request does not identify a CMK that can perform this"
            raise ServiceError("IncorrectKeyException", f"{message} operation.")
        self._usable(name)
        material = self._material(key, version)
        if material is None:
            raise _unopened()
        head, nonce, sealed = blob[:length], blob[length : length + _NONCE], blob[length + _NONCE :]
        try:
            return key, material.decrypt(nonce, sealed, head + _canonical(context))
        except InvalidTag:
            raise _unopened() from None

    def _material(self, key: _Key, version: int) -> AESGCM | None:
        with self._lock:
            found = key.versions.get(version)
        if found is None:  # another process may have rotated it
            self._load(key)
        with self._lock:
            kept = key.versions.get(version)
        return None if kept is None else AESGCM(kept)

    # ------------------------------------------------------------------ files
    def _path(self, key: _Key, version: int) -> Path:
        return self._folder / f"{key.name}.{version}.key"

    def _load(self, key: _Key) -> None:
        """Read the versions that are on disk and not known yet."""
        version = max(key.versions, default=0) + 1
        while (path := self._path(key, version)).exists():
            made_at, material = _read(path)
            with self._lock:
                key.versions[version] = material
                if version == 1:
                    key.made_at = made_at
            version += 1

    def _add_version(self, key: _Key) -> int:
        """Make new material; of two who make the same version at once, one's is used by both."""
        made = secrets.token_bytes(32)
        content = {
            "made_at": self._clock.now().isoformat(),
            "material": base64.b64encode(made).decode(),
        }
        while True:
            self._load(key)
            version = max(key.versions, default=0) + 1
            is_mine = _write_new(self._path(key, version), json.dumps(content).encode())
            self._load(key)
            if is_mine or version == 1:
                return version


def _write_new(path: Path, content: bytes) -> bool:
    """Write a file for its owner's eyes, whole or not at all; tell whether none was there."""
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(part)
    except FileExistsError:
        return False
    finally:
        part.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # what is sealed with it must not outlive it
    finally:
        os.close(folder)
    return True


def _read(path: Path) -> tuple[datetime, bytes]:
    try:
        content = json.loads(path.read_bytes())
        made_at = datetime.fromisoformat(content["made_at"])
        material = base64.b64decode(content["material"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error):
        material = b""
    if len(material) != 32:
        msg = f"reading {path}: it holds no key; restore it, what it sealed opens with no other"
        raise BadInput(msg) from None
    return made_at, material


def _checked(name: str, definition: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = sorted(set(definition) - _KNOWN)
    wrong = [key for key, only in _ONLY.items() if definition.get(key, only) != only]
    if unknown or wrong:
        msg = f"key {name}: its {(unknown + wrong)[0]} cannot be honoured here; take it out"
        raise BadInput(msg)
    usage = definition.get("KeyUsage", _SEALS)
    if definition.get("KeySpec", _ALGORITHM) != _SPECS.get(usage):
        msg = f"key {name}: its KeySpec cannot be honoured here for {usage}; use {_SPECS}"
        raise BadInput(msg)
    if not re.fullmatch(r"[\w-]{1,200}", name, re.ASCII):
        msg = f"key {name!r}: a name has 1 to 200 of a-z A-Z 0-9 _ -"
        raise BadInput(msg)
    return definition


def _read_head(blob: bytes) -> tuple[str, int, int] | None:
    """Give the key's name, its version, and how long the head is; None when it is none of ours."""
    fixed = len(_MAGIC) + 5
    if not blob.startswith(_MAGIC) or len(blob) < fixed:
        return None
    name_length, version = struct.unpack(">BI", blob[len(_MAGIC) : fixed])
    end = fixed + name_length
    if len(blob) < end + _NONCE + _TAG:
        return None
    return blob[fixed:end].decode(errors="replace"), version, end


def _canonical(context: Mapping[str, str] | None) -> bytes:
    """Give the context as bytes that no other context has; its order means nothing."""
    return json.dumps(sorted((context or {}).items())).encode()


def _data_key_bytes(parameters: _Params) -> int:
    spec, number = parameters.get("KeySpec"), parameters.get("NumberOfBytes")
    if (spec is None) == (number is None):
        raise _invalid("Please specify either number of bytes or key spec.")
    if spec is not None:
        if spec not in {"AES_256", "AES_128"}:
            raise _invalid(f"KeySpec is AES_256 or AES_128, not {spec}")
        return 32 if spec == "AES_256" else 16
    if not 1 <= int(number or 0) <= LARGEST_DATA_KEY:
        raise _invalid(f"NumberOfBytes is 1 to {LARGEST_DATA_KEY}, not {number}")
    return int(number or 0)


def _bytes(given: Any) -> bytes:
    """Give the bytes of whatever boto3 takes as a blob."""
    if isinstance(given, str):
        return given.encode()
    return bytes(given if isinstance(given, bytes | bytearray) else given.read())


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", f"1 validation error detected: {message}")


def _unopened() -> ServiceError:
    return ServiceError("InvalidCiphertextException", "")


def _unsupported(what: str) -> ServiceError:
    return ServiceError("UnsupportedOperationException", f"{what} is not known here")


_ALGORITHMS = ("SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm")
_DATA_KEY = {"KeyId", "KeySpec", "NumberOfBytes", "EncryptionContext"}
_OPERATIONS: Mapping[str, tuple[Callable[[Keys, _Params], dict[str, Any]], set[str]]] = {
    "Encrypt": (
        Keys._encrypt,
        {"KeyId", "Plaintext", "EncryptionContext", "EncryptionAlgorithm"},
    ),
    "Decrypt": (
        Keys._decrypt,
        {"KeyId", "CiphertextBlob", "EncryptionContext", "EncryptionAlgorithm"},
    ),
    "ReEncrypt": (
        Keys._re_encrypt,
        {
            "CiphertextBlob",
            "SourceKeyId",
            "SourceEncryptionContext",
            "DestinationKeyId",
            "DestinationEncryptionContext",
            *_ALGORITHMS,
        },
    ),
    "GenerateDataKey": (Keys._generate_data_key, _DATA_KEY),
    "GenerateDataKeyWithoutPlaintext": (Keys._generate_without_plaintext, _DATA_KEY),
    "GenerateMac": (Keys._generate_mac, {"KeyId", "Message", "MacAlgorithm"}),
    "VerifyMac": (Keys._verify_mac, {"KeyId", "Message", "MacAlgorithm", "Mac"}),
    "DescribeKey": (Keys._describe_key, {"KeyId"}),
    "ListAliases": (Keys._list_aliases, {"KeyId", "Marker", "Limit"}),
}
