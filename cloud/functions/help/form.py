"""What may stand in the customer's form, and what is wrong with what does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from cloud.service.models import ReportedFamily

LARGEST_BODY = 32 * 1024
"""Bytes of a form; the longest that its fields allow is well below."""
_MOST_FIELDS = 20
LONGEST: Mapping[str, int] = {
    "name": 100,
    "email": 254,
    "phone": 40,
    "address": 200,
    "says": 4000,
}
"""Field -> most characters."""
NEEDED = ("name", "email", "address", "trouble", "says")
TRAP = "website"
"""A field that people do not see: who fills it in is no person."""

_ASKS = {
    "name": "Please tell us your name.",
    "email": "Please give the mail address that we know you by.",
    "address": "Please give the address of the home with the solar system.",
    "trouble": "Please choose what is wrong.",
    "says": "Please describe what you see, in a sentence or more.",
}


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was filled in.

    Attributes:
        said: field -> its text, without spaces at the ends; only fields that are known.
        wrong: what is to be corrected: field -> words for the customer.
    """

    said: Mapping[str, str]
    wrong: Mapping[str, str]

    @property
    def is_trapped(self) -> bool:
        """Whether no person filled it in."""
        return bool(self.said.get(TRAP))

    @property
    def family(self) -> ReportedFamily:
        """The kind of trouble; only of a form with nothing wrong."""
        return ReportedFamily(self.said["trouble"])

    @property
    def is_grid_out(self) -> bool:
        """Whether the power in the neighbourhood is said to be out."""
        return self.said.get("grid_out") == "yes"


def read(body: bytes) -> Filled | None:
    """Read a form, as browsers send it; None for what no browser sends."""
    if len(body) > LARGEST_BODY:
        return None
    try:
        pairs: Sequence[tuple[str, str]] = parse_qsl(
            body.decode(), max_num_fields=_MOST_FIELDS, keep_blank_values=True, errors="strict"
        )
    except ValueError:  # not UTF-8, or too many fields
        return None
    said = {name: _clean(value) for name, value in pairs}
    return Filled(said, _wrong(said))


def _clean(value: str) -> str:
    """Give text without what nobody types: a mail or a page must not be led astray by it."""
    shown = (one for one in value if one in "\n\t" or one.isprintable())
    return "".join(shown).strip()


def _wrong(said: Mapping[str, str]) -> Mapping[str, str]:
    wrong = {name: _ASKS[name] for name in NEEDED if not said.get(name)}
    for name, most in LONGEST.items():
        if len(said.get(name, "")) > most:
            wrong[name] = f"Please use at most {most} characters here."
    if said.get("trouble") and said["trouble"] not in set(ReportedFamily):
        wrong["trouble"] = _ASKS["trouble"]
    if said.get("email") and "email" not in wrong and not _is_mail(said["email"]):
        wrong["email"] = "This is no mail address: please look at it again."
    return wrong


def _is_mail(text: str) -> bool:
    name, at, domain = text.partition("@")
    parts = domain.split(".")
    is_one_word = not any(one.isspace() or one in '<>",;' for one in text)
    return bool(name and at and len(parts) > 1 and all(parts) and is_one_word and "@" not in domain)
