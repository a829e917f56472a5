"""The installer's report as one HTML page: it loads nothing, and fits a telephone and a printer.

Whatever a device says is escaped. How a thing stands is told by a sign and a word; the colour
repeats it (blue, amber and vermilion, which people who see no red or green can tell apart).
"""

from collections.abc import Iterable, Mapping
from html import escape

from edge_agent.health import AGENT_VERSION
from edge_agent.operation.commission import (
    SIGNS,
    WORDS,
    FoundDevice,
    Line,
    Report,
    Verdict,
    moment,
    result,
)

STYLE = """
:root { color-scheme: light dark; --ink:#1b2127; --soft:#59636e; --paper:#fff; --line:#d5dbe1;
  --card:#f7f9fb; --ok:#0b5fa5; --look:#8a5a00; --fail:#b3390b; }
@media (prefers-color-scheme: dark) { :root { --ink:#e7ebef; --soft:#9daab6; --paper:#14181c;
  --line:#343c44; --card:#1c2228; --ok:#6db6f2; --look:#f0b54a; --fail:#ff8a5c; } }
* { box-sizing: border-box; }
body { margin:0 auto; padding:1rem; max-width:46rem; color:var(--ink); background:var(--paper);
  font:16px/1.45 system-ui, sans-serif; overflow-wrap:anywhere; }
h1 { font-size:1.35rem; margin:0; } h2 { font-size:1.05rem; margin:1.6rem 0 .5rem; }
p { margin:.2rem 0; } .soft { color:var(--soft); }
.result { margin:1rem 0; padding:.8rem 1rem; border:2px solid; border-radius:.5rem;
  font-size:1.15rem; font-weight:600; }
section { margin:.7rem 0; padding:.8rem 1rem; border:1px solid var(--line); border-left-width:.4rem;
  border-radius:.5rem; background:var(--card); break-inside:avoid; }
section.ok { border-left-color:var(--ok); } section.look { border-left-color:var(--look); }
section.fail { border-left-color:var(--fail); }
h3 { font-size:1rem; margin:0; display:flex; flex-wrap:wrap; gap:0 .6rem;
  justify-content:space-between; }
.ok .how, .result.ok { color:var(--ok); } .look .how { color:var(--look); }
.fail .how, .result.fail { color:var(--fail); } .next { font-weight:600; }
dl { display:grid; grid-template-columns:minmax(7rem, 2fr) 3fr; gap:.1rem .8rem;
  margin:.5rem 0 0; }
dt { color:var(--soft); } dt::first-letter { text-transform:uppercase; }
dd { margin:0; font-variant-numeric:tabular-nums; }
footer { margin-top:1.6rem; font-size:.85rem; }
.sign { display:grid; grid-template-columns:1fr 1fr; gap:2rem; margin-top:2.5rem; }
.sign div { border-top:1px solid var(--soft); padding-top:.2rem; }
@media print { body { max-width:none; padding:0; font-size:11pt; } section { background:none; } }
@media (max-width:26rem) { dl { grid-template-columns:1fr; gap:0; } dd { margin-bottom:.3rem; } }
"""


def page(report: Report) -> str:
    """Return the page."""
    verdict = Verdict.FAIL if report.has_failed else Verdict.OK
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'\">",
            f"<title>{escape(report.gateway)}: installer's report</title>",
            f"<style>{STYLE}</style></head><body>",
            f"<h1>Installer's report: {escape(report.gateway)}</h1>",
            f'<p class="soft">{escape(moment(report))}, by {escape(report.origin)}</p>',
            f'<p class="result {verdict.value}">{SIGNS[verdict]} {escape(result(report))}</p>',
            *_to_do(report),
            "<h2>Devices</h2>",
            *(_device(device) for device in report.devices),
            "<h2>Gateway</h2>",
            *(_section(line, "") for line in report.gateway_lines),
            '<div class="sign"><div>Installer, date</div><div>Customer, date</div></div>',
            f'<footer class="soft">sunreeve-edge {AGENT_VERSION}. Values are of the moment of the '
            "report; compare them with the displays of the devices.</footer>",
            "</body></html>",
            "",
        ]
    )


def _to_do(report: Report) -> Iterable[str]:
    """Yield what is to be done next, first of all what must be."""
    open_lines = [line for line in report.lines if line.next]
    if not open_lines:
        return
    open_lines.sort(key=lambda line: line.verdict is not Verdict.FAIL)
    yield "<h2>What to do next</h2><ol>"
    for line in open_lines:
        yield f"<li><b>{escape(line.subject)}</b>: {escape(line.next)}</li>"
    yield "</ol>"


def _device(device: FoundDevice) -> str:
    plate = {
        "Address": device.address,
        "Maker": device.maker,
        "Model": device.model,
        "Serial number": device.serial,
        "Firmware": device.firmware,
        "Models": device.models,
        "Oddities": ", ".join(device.oddities),
    }
    return _section(device.line, _list(plate) + _list(device.values))


def _section(line: Line, more: str) -> str:
    how = f"{SIGNS[line.verdict]} {WORDS[line.verdict]}"
    hint = f'<p class="next">Next: {escape(line.next)}</p>' if line.next else ""
    return (
        f'<section class="{line.verdict.value}"><h3><span>{escape(line.subject)}</span>'
        f'<span class="how">{how}</span></h3><p>{escape(line.says)}</p>{hint}{more}</section>'
    )


def _list(entries: Mapping[str, str]) -> str:
    rows = "".join(
        f"<dt>{escape(title)}</dt><dd>{escape(text)}</dd>"
        for title, text in entries.items()
        if text
    )
    return f"<dl>{rows}</dl>" if rows else ""
