"""Seals new secrets where none may be opened: what a person types in goes one way."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cloud.kernel.clock import Clock

if TYPE_CHECKING:
    from cloud.adapters.vault import Vault


class Sealer:
    """A vault that only shuts: it asks KMS for data keys and never to open one."""

    def __init__(self, client: Any, key_id: str, *, clock: Clock) -> None:
        """Make a sealer; the vault behind it is made when something is sealed."""
        self._client, self._key_id, self._clock = client, key_id, clock

    def seal(self, plain: str, *, context: Mapping[str, str]) -> str:
        """Give text that opens for this context alone, elsewhere.

        Raises:
            Unavailable: KMS did not make a data key.
        """
        return self._vault.seal(plain, context=context)

    @cached_property
    def _vault(self) -> "Vault":
        # Its library takes longer to import than all the rest of us, and few requests need it.
        from cloud.adapters.vault import Vault  # noqa: PLC0415

        return Vault(self._client, self._key_id, clock=self._clock)
