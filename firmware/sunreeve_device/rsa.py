"""Tells whether the owner signed a release: RSA-3072, PKCS #1 v1.5, SHA-256 (RFC 8017, 8.2)."""

import hashlib

SIZE = 384
EXPONENT = 65537
DIGEST_INFO = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"


def verify(message, signature, modulus):
    """Tell whether `signature` is the one of `message`; the whole encoded message is compared."""
    if len(modulus) != SIZE or len(signature) != SIZE or not modulus[0] & 0x80:
        return False
    n = int.from_bytes(modulus, "big")
    given = int.from_bytes(signature, "big")
    if not given < n:
        return False
    shown = pow(given, EXPONENT, n)
    tail = DIGEST_INFO + hashlib.sha256(message).digest()
    encoded = b"\x00\x01" + b"\xff" * (SIZE - 3 - len(tail)) + b"\x00" + tail
    return shown == int.from_bytes(encoded, "big")
