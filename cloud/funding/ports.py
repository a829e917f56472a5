"""What funding needs from outside besides records and documents."""

from typing import Protocol

from cloud.funding.remittance import RemittanceAdvice


class RemittanceRenderer(Protocol):
    """Makes the document that a partner gets with a payment."""

    def render(self, advice: RemittanceAdvice) -> bytes:
        """Give the document's bytes; the same advice gives the same bytes."""
        ...
