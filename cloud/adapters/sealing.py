"""Seals new secrets where none may be opened: what a person types in goes one way."""

from collections.abc import Mapping
from typing import Any

from cloud.kernel.clock import Clock


class Sealer:
    """A vault that only shuts: it asks KMS for data keys and never to open one.

    Each secret gets a data key of its own, and no key outlives its call: people type few secrets
    in, and a process that may open nothing has nothing to remember.
    """

    def __init__(self, client: Any, key_id: str, *, clock: Clock) -> None:
        """Make a sealer; KMS is not called yet."""
        self._client, self._key_id, self._clock = client, key_id, clock

    def seal(self, plain: str, *, context: Mapping[str, str]) -> str:
        """Give text that opens for this context alone, elsewhere.

        Raises:
            Unavailable: KMS did not make a data key.
        """
        # Its library takes longer to import than all the rest of us, and few requests need it.
        from cloud.adapters.vault import Vault  # noqa: PLC0415

        vault = Vault(self._client, self._key_id, clock=self._clock)
        return vault.seal(plain, context=context)
