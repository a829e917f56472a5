"""Colours and lines of the evidence pictures, by day and by night; pure."""

from collections.abc import Iterable, Mapping

LIGHT: Mapping[str, str] = {
    "card": "#ffffff",
    "line": "#dfe3e8",
    "ink": "#1a2129",
    "dim": "#5a6673",
    "made": "#0a5bb5",
    "floor": "#7a4d00",
    "low": "#a5270b",
    "lowday": "#fde6df",
    "hatch": "#87929d",
}
DARK: Mapping[str, str] = {
    "card": "#1a2028",
    "line": "#2d3640",
    "ink": "#e6eaee",
    "dim": "#9aa7b4",
    "made": "#7cb8ff",
    "floor": "#f5cf73",
    "low": "#ffab91",
    "lowday": "#4a1d12",
    "hatch": "#6d7a87",
}
"""The colours of our pages, so that a picture looks at home in them."""

TEXT = ("ink", "dim", "low")
"""The classes in which words are set, each in the colour of its name."""

_PAINTED = (
    (".card,.ground", "fill", "card"),
    (".ink,.hit path", "fill", "ink"),
    (".dim", "fill", "dim"),
    (".low,.mark", "fill", "low"),
    (".lowday", "fill", "lowday"),
    (".mark,.hole", "stroke", "card"),
    (".dot,.ring", "stroke", "made"),
    (".grid", "stroke", "line"),
    (".made,.mean,.bar", "stroke", "made"),
    (".exp", "stroke", "dim"),
    (".floor", "stroke", "floor"),
    (".flag,.onset", "stroke", "ink"),
    (".hatch", "stroke", "hatch"),
)
_DRAWN = (
    "path{fill:none}",
    ".b{font-weight:600}",
    ".made{stroke-width:2.5;stroke-linejoin:round}",
    ".mean{stroke-width:2.5;stroke-dasharray:1 5;stroke-linecap:round}",
    ".exp{stroke-width:2}",
    ".floor{stroke-width:1.8;stroke-dasharray:7 4}",
    ".flag{stroke-width:1.6}",
    ".onset{stroke-width:1.4;stroke-dasharray:2 3}",
    ".dot,.ring,.hole{stroke-linecap:round}",
    ".dot{stroke-width:7}",
    ".ring{stroke-width:8.5}",
    ".hole{stroke-width:5}",
    ".hit path{fill-opacity:0}",
    ".hit path:hover{fill-opacity:.07}",
)


def style(scope: str) -> str:
    """Give the style sheet of a picture, which touches nothing outside of its scope."""
    night = f"@media(prefers-color-scheme:dark){{{_painted(scope, DARK)}}}"
    return _scoped(scope, _DRAWN) + _painted(scope, LIGHT) + night


def _painted(scope: str, colours: Mapping[str, str]) -> str:
    return _scoped(scope, (f"{who}{{{what}:{colours[role]}}}" for who, what, role in _PAINTED))


def _scoped(scope: str, rules: Iterable[str]) -> str:
    """Give rules with each of their selectors put under a scope."""
    scoped = []
    for rule in rules:
        who, brace, what = rule.partition("{")
        scoped.append(",".join(f".{scope} {one}" for one in who.split(",")) + brace + what)
    return "".join(scoped)
