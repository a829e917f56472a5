"""Reports as of an instant: on the terminal, as CSV or as JSON."""

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cloud.cli import screen
from cloud.cli.asking import OperationsApi
from cloud.cli.fleet import appearing_whole
from cloud.cli.saying import harmless, say_csv, say_json
from cloud.kernel.csv_text import csv_text

READER = "otto.audit"
"""Who reads on this machine; on AWS it is whoever signed in."""
_REPORTS = "/ops/reports"
_MOST_LINES = 200
"""Rows on a terminal; a file has them all."""
_STYLES = {
    "overdue": "bold red",
    "expired": "bold red",
    "newly late": "bold red",
    "came back": "bold red",
    "verified": "green",
    "no longer late": "green",
}
_WORDS = ("partner", "milestone", "region", "emergency", "horizon_hours", "what_if")


def show(options: argparse.Namespace) -> int:
    """Print a report, or write it to a file whole."""
    if not options.name:
        return _list(options)
    wanted = options.format or ("json" if options.out is None else _by_name(options.out))
    path = f"{_REPORTS}/{quote(options.name, safe='')}?{_words(options, wanted)}"
    text = OperationsApi.of(options).ask_text(READER, "GET", path)
    if options.out is not None:
        with appearing_whole(options.out) as file:
            file.write(text)
        return 0
    if options.format:
        (say_json if options.format == "json" else say_csv)(text, end="")
        return 0
    draw(json.loads(text), screen.console())
    return 0


def draw(report: Mapping[str, Any], console: Console) -> None:
    """Draw a report as a table that fits the terminal, with what each column counts."""
    console.print(Text(str(report["report"]).replace("_", " "), style="bold"))
    console.print(Padding(screen.cell(str(report["says"])), (0, 0, 0, 2), expand=False))
    told = {name: value for name, value in report["parameters"].items() if value not in _USUAL}
    words = "  ".join(f"{name} {value}" for name, value in told.items())
    console.print(
        Padding(
            Text(harmless(f"as of {report['as_of']}  {words}"), style="dim"),
            (0, 0, 0, 2),
            expand=False,
        )
    )
    rows = report["rows"]
    shown = [one for one in report["columns"] if _is_told(rows, one)]
    if rows and sum(_width(rows, one) for one in shown) > console.width:
        _cards(rows[:_MOST_LINES], shown, console)
    elif rows and screen.is_wide(console):
        _plain(rows, shown, console)
    elif rows:
        console.print(_table(rows[:_MOST_LINES], shown))
    else:
        console.print(Padding(Text("nothing", style="italic"), (0, 0, 0, 2), expand=False))
    if len(rows) > _MOST_LINES and not screen.is_wide(console):
        console.print(f"  and {len(rows) - _MOST_LINES} rows more: write them with --out FILE")
    for note in report["notes"]:
        console.print(
            Padding(Text(harmless(str(note)), style="italic"), (0, 0, 0, 2), expand=False)
        )


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_USUAL = ("all", None)
_LISTED = (screen.Column("report"), screen.Column("says", is_text=True))


def _is_told(rows: list[dict[str, Any]], column: Mapping[str, str]) -> bool:
    """Tell whether a column says anything: on a terminal one of nothing but zeros takes room."""
    return any(_is_worth(row, column) for row in rows)


def _width(rows: list[dict[str, Any]], column: Mapping[str, str]) -> int:
    longest = max(len(_cell(row[column["name"]], column["unit"]).plain) for row in rows)
    words = (*column["name"].split("_"), *_unit(column["unit"]).split())
    return max(longest, *(len(word) for word in words)) + 2


def _table(rows: list[dict[str, Any]], columns: list[dict[str, str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1))
    for column in columns:
        name = column["name"].replace("_", " ")
        head = Text(f"{name}\n", style="bold").append(_unit(column["unit"]), style="dim not bold")
        table.add_column(
            head,
            justify="right" if _is_numeric(rows, column) else "left",
            overflow="fold",
            min_width=_width(rows, column) - 2,
        )
    for row in rows:
        table.add_row(*(_cell(row[one["name"]], one["unit"]) for one in columns))
    return table


def _plain(rows: list[dict[str, Any]], columns: list[dict[str, str]], console: Console) -> None:
    """Write all rows for a pipe, a row a line."""
    heads = [screen.Column(_heading(one), is_number=_is_numeric(rows, one)) for one in columns]
    lines = [
        {
            head.name: _cell(row[one["name"]], one["unit"])
            for head, one in zip(heads, columns, strict=True)
        }
        for row in rows
    ]
    screen.draw(lines, heads, console, nothing="nothing")


def _heading(column: Mapping[str, str]) -> str:
    name, unit = column["name"].replace("_", " "), _unit(column["unit"])
    return f"{name} ({unit})" if unit else name


def _is_numeric(rows: list[dict[str, Any]], column: Mapping[str, str]) -> bool:
    return all(_is_number(row[column["name"]]) for row in rows)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _cards(rows: list[dict[str, Any]], columns: list[dict[str, str]], console: Console) -> None:
    """Draw each row by itself, where a table of them all would be wider than the terminal.

    A share is followed by how often it was tried, and by its shrunk one.
    """
    of_shares = {f"{name}_{end}" for name in rows[0] for end in _OF_SHARE if f"{name}_n" in rows[0]}
    first, *others = [one for one in columns if one["name"] not in of_shares]
    for row in rows:
        console.print()
        console.print(Text.assemble("  ", _cell(row[first["name"]], first["unit"])), style="bold")
        parts = [_part(row, one) for one in others if _is_worth(row, one)]
        console.print(Padding(Text(" · ").join(parts), (0, 0, 0, 4), expand=False))


_OF_SHARE = ("n", "shrunk")


def _is_worth(row: Mapping[str, Any], column: Mapping[str, str]) -> bool:
    value = row[column["name"]]
    return value is not None if column["unit"].startswith("%") else bool(value)


def _part(row: Mapping[str, Any], column: Mapping[str, str]) -> Text:
    name, unit = column["name"], column["unit"]
    value = _cell(row[name], unit)
    part = Text.assemble((name.replace("_", " ") + " ", "dim"), value)
    if unit == "cents":
        part = Text.assemble((name.replace("_", " ") + " $", "dim"), value)
    elif unit.startswith("%"):
        part.append("%")
    elif unit.rpartition(" ")[2] in {"hours", "days", "minutes"}:
        part.append(f" {unit}", style="dim")
    if f"{name}_n" in row:
        part.append(f" of {row[f'{name}_n']}", style="dim")
    return part


def _unit(unit: str) -> str:
    return "$" if unit == "cents" else unit


def _cell(value: Any, unit: str) -> Text:
    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if unit == "cents" and isinstance(value, int):
        sign = "-" if value < 0 else ""
        return Text(f"{sign}{abs(value) // 100:,}.{abs(value) % 100:02d}")
    text = str(value)
    if _INSTANT.fullmatch(text):
        return Text(screen.moment(text))
    return screen.cell(Text(harmless(text), style=_STYLES.get(text, "")))


def _list(options: argparse.Namespace) -> int:
    found = OperationsApi.of(options).ask(READER, "GET", _REPORTS)["items"]
    if options.format == "json":
        screen.tell_json(found)
    elif options.format == "csv":
        rows = [("name", "says"), *((one["name"], one["says"]) for one in found)]
        say_csv(csv_text(rows))
    else:
        shown = [{"report": Text(one["name"], "bold"), "says": one["says"]} for one in found]
        screen.draw(shown, _LISTED, screen.console(), nothing="there is no report")
    return 0


def _words(options: argparse.Namespace, wanted: str) -> str:
    told = {name: getattr(options, name) for name in _WORDS}
    told |= {"as_of": options.as_of, "from": options.since, "until": options.until}
    return urlencode({"format": wanted, **{name: text for name, text in told.items() if text}})


def _by_name(out: Path) -> str:
    return {".csv": "csv", ".html": "html"}.get(out.suffix, "json")
