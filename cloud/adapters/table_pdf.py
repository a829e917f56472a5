"""A report as PDF; its library is imported with the first page that is drawn.

That takes longer than everything else that the pages' function imports, and few ask for it.
"""

from cloud.reporting.models import Report


def as_pdf(report: Report) -> bytes:
    """Give a report as a PDF document; see `cloud.adapters.table_page`.

    Raises:
        BadInput: it is longer than anybody prints.
    """
    from cloud.adapters.table_page import draw  # noqa: PLC0415 - see above

    return draw(report)
