"""Runs every benchmark and prints one table: `make bench`."""

import logging
import sys

from rich.console import Console
from rich.table import Table

from bench import dynamodb, ingest, polling


def main() -> int:
    """Measure everything, beside its peer, and print it."""
    logging.disable(logging.WARNING)
    table = Table(title="Sunreeve beside its peers, in one run", box=None, pad_edge=False)
    for name in ("what", "ours", "peer", "", "ratio"):
        table.add_column(name, justify="left" if name in {"what", "peer"} else "right")
    console = Console()
    with console.status("polling a house with both readers"):
        ours, peer = polling.run()
    table.add_row(
        "CPU of a poll", f"{ours.cpu_ms:.2f} ms", "pysunspec2", f"{peer.cpu_ms:.2f} ms",
        f"{ours.cpu_ms / peer.cpu_ms:.2f}x",
    )  # fmt: skip
    table.add_row(
        "requests of a poll", f"{ours.requests:.0f}", "pysunspec2", f"{peer.requests:.0f}",
        f"{ours.requests / peer.requests:.2f}x",
    )  # fmt: skip
    with console.status("ingesting chunks"):
        ingested = ingest.run()
    for one in ingested:
        table.add_row(
            f"ingest, {one.chunks} chunks", f"{one.per_second:,.0f}/s",
            "bare zlib + json", f"{one.bare_per_second:,.0f}/s",
            f"{one.per_second / one.bare_per_second:.2f}x",
        )  # fmt: skip
    with console.status("the DynamoDB engine beside moto, at two sizes"):
        measured = dynamodb.run()
    for row in measured:
        table.add_row(
            f"{row.operation}, {row.items:,} items", f"{row.engine:,.0f}/s",
            "moto", f"{row.moto:,.1f}/s", f"{row.engine / row.moto:,.1f}x",
        )  # fmt: skip
        table.add_row(
            "    without boto3", f"{row.bare:,.0f}/s", "moto", f"{row.moto:,.1f}/s",
            f"{row.bare / row.moto:,.1f}x",
        )  # fmt: skip
    console.print(table)
    console.print("rates of a shared machine: compare the ratios, not the numbers", style="dim")
    return 0


if __name__ == "__main__":
    sys.exit(main())
