"""Records to text and back, by their type hints; secrets leave this process sealed.

msgspec does the work: it knows dataclasses, dates, enums and tuples, and it checks on the way back
in. What is stored carries the number of its shape, so that a later shape can still read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.secret import Sealed, Secret

R = TypeVar("R")

SHAPE = 2
"""Number of the stored shape; it rises when old text could not be read as a record any more.

1: secrets in clear, under `value`. 2: secrets sealed.

A new field needs no new shape: it has a default, which is what older text means, and it is written
with another value only by the version after the one that brought it, for during a deployment the
version before loads and saves without it. Every shape is kept in `tests/contract/kept`.
"""


class Shuts(Protocol):
    """Whoever may seal new secrets (`cloud.adapters.sealing`)."""

    def seal(self, plain: str, *, context: Mapping[str, str]) -> str:
        """Give text that opens for this context alone."""
        ...


class Seals(Shuts, Protocol):
    """Whoever holds the key of the secrets (`cloud.adapters.vault`)."""

    def open(self, sealed: str, *, context: Mapping[str, str]) -> str:
        """Give what was sealed."""
        ...


@dataclass(frozen=True, slots=True)
class Codec:
    """Writes and reads records.

    Attributes:
        vault: seals and opens secrets; without one, what is sealed stays locked and nothing new
            can be sealed.
        sealer: where there is no vault, seals what is new; it is never asked to open anything.
    """

    vault: Seals | None = None
    sealer: Shuts | None = None

    def to_text(self, record: object, *, about: str = "") -> str:
        """Give the record as JSON; equal records give equal text, but for how secrets are sealed.

        A secret that lay sealed in this place is written as it lay.

        Args:
            record: what is to be stored.
            about: the place where it is stored; its secrets open nowhere else.

        Raises:
            BrokenInvariant: it holds a secret that nobody here can seal.
        """

        def plain(value: Any) -> Any:
            if isinstance(value, Secret):
                return self._sealed(value, about)
            return _plain(value)

        return msgspec.json.encode(record, enc_hook=plain, order="deterministic").decode()

    def from_text(self, kind: type[R], text: str, *, about: str = "", shape: int = SHAPE) -> R:
        """Give the record that the text holds.

        Args:
            kind: its class.
            text: as it was stored.
            about: the place where it was stored.
            shape: number of the shape that it was stored in; only the first has secrets in clear.

        What a later version added to the shape that we know is passed over; a later shape is not
        guessed at.

        Raises:
            BrokenInvariant: the text does not hold such a record, or a secret was moved here.
        """
        if shape > SHAPE:
            msg = (
                f"a stored {kind.__name__} has shape {shape}, and {SHAPE} is the last known here: a"
                " later version wrote it; deploy that version again"
            )
            raise BrokenInvariant(msg)

        def secret(wanted: type, value: Any) -> Any:
            if wanted is Secret and isinstance(value, Mapping):
                return self._secret(value, about, shape)
            msg = f"a {wanted.__name__} cannot be read"
            raise NotImplementedError(msg)

        try:
            return msgspec.json.decode(text, type=kind, dec_hook=secret)
        except (msgspec.MsgspecError, UnicodeError, LookupError) as wrong:
            msg = f"a stored {kind.__name__} cannot be read: {wrong}"
            raise BrokenInvariant(msg) from wrong

    def _sealed(self, secret: Secret, about: str) -> dict[str, str]:
        sealed = secret.sealed
        if sealed is None or sealed.context != about:
            seals = self.vault or self.sealer
            if seals is None:
                msg = f"storing {about}: it holds a new secret, and the key to seal it is not here"
                raise BrokenInvariant(msg)
            last4 = secret.value[-4:]
            text = seals.seal(secret.value, context=_context(about, last4))
            sealed = Sealed(text, about, last4)
        return {"sealed": sealed.text, "last4": sealed.last4}

    def _secret(self, stored: Mapping[str, Any], about: str, shape: int) -> Secret:
        if shape == 1:
            return Secret(stored["value"])
        sealed = Sealed(stored["sealed"], about, stored["last4"])
        if self.vault is None:
            return Secret(None, sealed=sealed)
        context = _context(about, sealed.last4)
        return Secret(self.vault.open(sealed.text, context=context), sealed=sealed)


def to_shown(record: object) -> Any:
    """Give the record as an API may show it: of a secret only its last four characters."""

    def plain(value: Any) -> Any:
        return value.last4 if isinstance(value, Secret) else _plain(value)

    return msgspec.to_builtins(record, enc_hook=plain, str_keys=True, order="deterministic")


def _context(about: str, last4: str) -> Mapping[str, str]:
    """Bind a secret to its place, and to the digits that people know it by."""
    return {"record": about, "last4": last4}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"a {type(value).__name__} cannot be stored"
    raise NotImplementedError(msg)
