"""`ReportRenderer` as PDF; its library is imported with the first report that is drawn."""

from collections.abc import Mapping

from cloud.service.report_sheet import ReportSheet


def render(sheet: ReportSheet, pictures: Mapping[str, bytes]) -> bytes:
    """Give a report as a PDF document; see `cloud.adapters.report_page`."""
    from cloud.adapters.report_page import draw  # noqa: PLC0415 - see above

    return draw(sheet, pictures)
