"""`RemittanceRenderer` as PDF; its library is imported with the first page that is drawn.

That takes longer than everything else a funding run imports, and most of its invocations, the plan
of a run, draw nothing.
"""

from cloud.funding.remittance import RemittanceAdvice


def render(advice: RemittanceAdvice) -> bytes:
    """Give the advice as a PDF document; see `cloud.adapters.remittance_page`."""
    from cloud.adapters.remittance_page import draw  # noqa: PLC0415 - see above

    return draw(advice)
