"""What funding needs from outside besides records and documents."""

from typing import Protocol

from cloud.funding.remittance import RemittanceAdvice


class RemittanceRenderer(Protocol):
    """Makes the document that a partner gets with a payment."""

    def render(self, advice: RemittanceAdvice) -> bytes:
        """Give the document's bytes; the same advice gives the same bytes."""
        ...


class Bank(Protocol):
    """Where the bank takes its files from."""

    def deliver(self, name: str, content: bytes) -> None:
        """Hand a file over, whole or not at all; what lies there already is left as it is.

        Raises:
            Conflict: another file of that name lies there.
            Unavailable: it is not sure whether the bank has it.
        """
        ...

    def holds(self, name: str, content: bytes) -> bool:
        """Tell whether exactly this file lies with the bank.

        No says nothing: banks take files away once they read them.

        Raises:
            Unavailable: the bank does not answer.
        """
        ...
