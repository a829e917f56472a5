"""The pages of the customer's form: plain HTML, no script, good on a small telephone."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape

from cloud.functions.help.form import LONGEST, TRAP
from cloud.service.models import ReportedFamily

_TROUBLES = {
    ReportedFamily.NO_PRODUCTION: "The system makes no power at all",
    ReportedFamily.LOW_PRODUCTION: "The system makes less power than it should",
    ReportedFamily.BATTERY: "Something is wrong with the battery",
    ReportedFamily.MONITORING: "The app or the display shows nothing",
    ReportedFamily.ROOF_LEAK: "Water comes in at the roof (emergency)",
    ReportedFamily.ELECTRICAL_HAZARD: "Sparks, shocks or bare wires (emergency)",
    ReportedFamily.THERMAL_EVENT: "Smoke, burning smell or great heat (emergency)",
    ReportedFamily.PHYSICAL_DAMAGE: "Something is broken or has come loose",
    ReportedFamily.OTHER: "Something else",
}
_DANGERS = frozenset(
    {
        ReportedFamily.ROOF_LEAK,
        ReportedFamily.ELECTRICAL_HAZARD,
        ReportedFamily.THERMAL_EVENT,
    }
)

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2433;--soft:#596275;--paper:#f6f4ef;--card:#fff;
--line:#d9d5cb;--sun:#b45309;--bad:#b3261e;--badpaper:#fdecea}
@media(prefers-color-scheme:dark){:root{--ink:#eceff4;--soft:#a9b2c3;--paper:#14181f;--card:#1d232d;
--line:#384150;--sun:#f0a94a;--bad:#ffb4ab;--badpaper:#3b1d1b}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1.0625rem/1.55 system-ui,sans-serif}
main{max-width:40rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.75rem;line-height:1.2;margin:.5rem 0 .75rem;text-wrap:balance}
p{margin:0 0 1rem}
.mark{width:3rem;height:.375rem;border-radius:1rem;background:var(--sun)}
.call{border:1px solid var(--bad);background:var(--badpaper);border-radius:.75rem;padding:1rem;
margin:1.25rem 0}
.call strong{color:var(--bad)}
.call p:last-child{margin:0}
form{background:var(--card);border:1px solid var(--line);border-radius:1rem;padding:1.25rem 1rem}
label,legend{display:block;font-weight:600;margin:0 0 .25rem}
.hint{color:var(--soft);font-size:.9375rem;margin:0 0 .375rem}
.wrong{color:var(--bad);font-size:.9375rem;margin:.25rem 0 0}
.field{margin:0 0 1.25rem}
input[type=text],input[type=email],input[type=tel],select,textarea{width:100%;min-height:2.875rem;
padding:.625rem .75rem;font:inherit;color:inherit;background:var(--paper);
border:1px solid var(--line);border-radius:.625rem}
textarea{min-height:8rem;resize:vertical}
[aria-invalid=true]{border-color:var(--bad)}
:focus-visible{outline:3px solid var(--sun);outline-offset:2px}
.check{display:flex;gap:.625rem;align-items:flex-start}
.check input{width:1.25rem;height:1.25rem;margin:.2rem 0 0;flex:none}
.check label{font-weight:400;margin:0}
button{width:100%;min-height:3rem;border:0;border-radius:.75rem;background:var(--sun);color:#fff;
font:inherit;font-weight:700;cursor:pointer}
@media(prefers-color-scheme:dark){button{color:#14181f}}
.trap{position:absolute;left:-9999px;width:1px;height:1px;overflow:hidden}
.number{font-variant-numeric:tabular-nums;font-weight:700;overflow-wrap:anywhere}
footer{color:var(--soft);font-size:.9375rem;margin-top:1.5rem}
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "strict-transport-security": "max-age=31536000",
}
"""Of every page: nothing is loaded, framed, kept or sent elsewhere."""


def asking(*, phone: str, said: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    """Give the form, as it was filled in so far, with what is to be corrected beside each field."""
    note = (
        '<p class="wrong" role="alert">Something is missing or cannot be right: please look at the '
        "fields that say so.</p>"
        if wrong
        else ""
    )
    fields = "".join(
        (
            _field("name", "Your name", "text", said, wrong, complete="name"),
            _field(
                "email",
                "Your mail address",
                "email",
                said,
                wrong,
                hint="The one that your bills or our letters come to.",
                complete="email",
            ),
            _field(
                "phone",
                "Your telephone number",
                "tel",
                said,
                wrong,
                hint="If you like us to call. You may leave it empty.",
                complete="tel",
                is_needed=False,
            ),
            _field(
                "address",
                "Address of the home with the solar system",
                "text",
                said,
                wrong,
                hint="House number, street and town.",
                complete="street-address",
            ),
            _choice(said, wrong),
            _words(said, wrong),
        )
    )
    is_out = " checked" if said.get("grid_out") == "yes" else ""
    body = f"""<h1>How can we help?</h1>
<p>Tell us what is wrong with your solar system. We look at it together with the readings of your
system, and you hear from us by mail at each step.</p>
{_call_now(phone)}
{note}<form method="post" action="/help" novalidate>
{fields}<div class="field check">
<input type="checkbox" id="grid_out" name="grid_out" value="yes"{is_out}>
<label for="grid_out">The power is out in the neighborhood as well</label></div>
<div class="trap" aria-hidden="true"><label for="{TRAP}">Leave this empty</label>
<input type="text" id="{TRAP}" name="{TRAP}" tabindex="-1" autocomplete="off"></div>
<button type="submit">Send</button>
</form>
<footer>Please ask us and not the installer: work that we did not ask for in writing is not covered.
</footer>"""
    return _page("Ask for help with your solar system", body)


def thanking(*, phone: str, family: ReportedFamily, is_grid_out: bool, number: str) -> str:
    """Give the page after a request: the same whether or not the home is known here."""
    is_danger = family in _DANGERS or (family is ReportedFamily.BATTERY and is_grid_out)
    call = _call_now(phone) if is_danger else ""
    body = f"""<h1>Thank you, we have it</h1>
{call}<p>Your request has the number <span class="number">{escape(number)}</span>. If the address
and the mail address are those that we know you by, you get a mail from us with a case number within
a few minutes. If not, somebody of our help desk looks for your home and writes to you.</p>
<p>If anything changes, call us at <span class="number">{escape(phone)}</span>.</p>"""
    return _page("Thank you", body)


def refusing(*, phone: str) -> str:
    """Give the page for what cannot be read as a form."""
    body = f"""<h1>We could not read that</h1>
<p>Please go back and try again with shorter words, or call us at
<span class="number">{escape(phone)}</span>.</p>"""
    return _page("We could not read that", body)


def _call_now(phone: str) -> str:
    return (
        '<div class="call"><p><strong>Is it an emergency?</strong> Smoke, fire, sparks, a shock, '
        "water near wires: keep away from the equipment.</p>"
        f"<p>If somebody is in danger, leave the house and <strong>call 911</strong>. Then call us "
        f'now at <span class="number">{escape(phone)}</span>, day and night.</p></div>\n'
    )


def _field(
    name: str,
    label: str,
    kind: str,
    said: Mapping[str, str],
    wrong: Mapping[str, str],
    *,
    hint: str = "",
    complete: str = "off",
    is_needed: bool = True,
) -> str:
    value = escape(said.get(name, ""), quote=True)
    needed = " required" if is_needed else ""
    return _framed(
        name,
        label,
        f'<input type="{kind}" id="{name}" name="{name}" value="{value}"'
        f' maxlength="{LONGEST[name]}" autocomplete="{complete}"{needed}'
        f"{_told(name, hint, wrong)}>",
        hint=hint,
        wrong=wrong,
    )


def _choice(said: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    options = "".join(
        f'<option value="{one.value}"{" selected" if said.get("trouble") == one else ""}>'
        f"{escape(words)}</option>"
        for one, words in _TROUBLES.items()
    )
    return _framed(
        "trouble",
        "What is wrong?",
        f'<select id="trouble" name="trouble" required{_told("trouble", "", wrong)}>'
        f'<option value="">Please choose</option>{options}</select>',
        wrong=wrong,
    )


def _words(said: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    hint = "Since when? What do you see or hear? Is there a light or a code on the inverter?"
    return _framed(
        "says",
        "Please describe it",
        f'<textarea id="says" name="says" maxlength="{LONGEST["says"]}" required'
        f"{_told('says', hint, wrong)}>{escape(said.get('says', ''))}</textarea>",
        hint=hint,
        wrong=wrong,
    )


def _told(name: str, hint: str, wrong: Mapping[str, str]) -> str:
    """Give the attributes by which a reader for the blind tells hint and mistake with a field."""
    ids = [f"{name}-hint"] if hint else []
    ids += [f"{name}-wrong"] if name in wrong else []
    described = f' aria-describedby="{" ".join(ids)}"' if ids else ""
    return described + (' aria-invalid="true"' if name in wrong else "")


def _framed(
    name: str, label: str, control: str, *, hint: str = "", wrong: Mapping[str, str]
) -> str:
    above = f'<p class="hint" id="{name}-hint">{escape(hint)}</p>' if hint else ""
    below = f'<p class="wrong" id="{name}-wrong">{escape(wrong[name])}</p>' if name in wrong else ""
    return (
        f'<div class="field"><label for="{name}">{escape(label)}</label>{above}{control}{below}'
        "</div>\n"
    )


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<div class="mark"></div>
{body}
</main>
</body>
</html>
"""
