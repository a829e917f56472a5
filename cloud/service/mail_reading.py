"""What a partner or coordinator says in a mail: a few commands at its top, read strictly.

The grammar forgives case, spacing and the marks that mail programs add, and guesses nothing: what
begins like a command and does not read as one is `Unclear`, and a person or the sender settles it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money

MAX_COMMANDS = 20
"""Commands that are taken from one mail."""
MAX_LINE = 1_000
"""Characters of a line that may be a command or a cost; a longer one is prose."""


# ---- what was written and what was there before -------------------------------------------------

_WROTE = re.compile(r"on\b.{0,300}\bwrote:\s*", re.IGNORECASE)
_RULE = re.compile(r"-{2,}\s*(?:original message|forwarded message|original appointment)\s*-{2,}",
                   re.IGNORECASE)  # fmt: skip
_FORWARDED = re.compile(r"begin forwarded message:", re.IGNORECASE)
_FIELD = re.compile(
    r"[*_]{0,2}(from|sent|to|cc|subject|date)[*_]{0,2}:[*_]{0,2}\s.*", re.IGNORECASE
)
_SIGNATURE = re.compile(
    r"--|_{5,}|-{20,}"
    r"|sent (?:from|via|with) (?:my|mail|outlook|yahoo|gmail|samsung|proton)\b.*"
    r"|sent from .{1,30} for (?:ios|android)|get outlook for .*",
    re.IGNORECASE,
)


def reply_of(text: str) -> str:
    """Give what the sender wrote, without the mails that it answers and without the signature.

    Quoted lines are left out wherever they stand, so that a reply below them is read as well. The
    first line that only a mail program writes over an older mail ends the reply; so does a
    signature's, when something was written before it.
    """
    lines = [line.strip() for line in text.split("\n")]
    kept: list[str] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        introduction = _introduction(lines, place)
        if introduction and not _is_followed_by_quotes(lines, place + introduction):
            # A reply may stand below what it quotes; below what is not marked nothing can be told.
            break
        if not introduction and _SIGNATURE.fullmatch(line) and any(kept):
            break
        if not introduction and not line.startswith(">"):
            kept.append(line)
        place += introduction or 1
    return "\n".join(kept).strip()


def _introduction(lines: Sequence[str], place: int) -> int:
    """Give how many lines a mail program wrote here over an older mail; mostly none."""
    line = lines[place]
    if _RULE.fullmatch(line) or _FORWARDED.fullmatch(line):
        return 1
    if line[:3].lower() == "on ":
        for count in (1, 2, 3):
            if _WROTE.fullmatch(" ".join(lines[place : place + count])):
                return count
    if re.match(r"[*_]{0,2}from[*_]{0,2}:", line, re.IGNORECASE):
        below = [one for one in lines[place + 1 : place + 7] if one][:3]
        return int(sum(_FIELD.fullmatch(one) is not None for one in below) >= 2)
    return 0


def _is_followed_by_quotes(lines: Sequence[str], place: int) -> bool:
    following = [one for one in lines[place : place + 5] if one]
    return any(one.startswith(">") for one in following[:2])


# ---- commands -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """It was received."""


@dataclass(frozen=True, slots=True)
class Accept:
    """The work is taken, perhaps with an estimate of its cost."""

    estimate: Money | None


@dataclass(frozen=True, slots=True)
class Decline:
    """The work is not taken."""

    reason: str


@dataclass(frozen=True, slots=True)
class Called:
    """The homeowner was tried."""

    channel: str
    outcome: str


@dataclass(frozen=True, slots=True)
class VisitAt:
    """A visit was agreed on."""

    since: datetime
    until: datetime
    technician: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """The technician is there; without a time, since the mail came.

    Attributes:
        technician: empty where it is the one that was booked.
    """

    at: datetime | None
    technician: str = ""


@dataclass(frozen=True, slots=True)
class Departed:
    """The technician left; without a time, when the mail came."""

    at: datetime | None
    is_finished: bool


@dataclass(frozen=True, slots=True)
class PauseSince:
    """The work waits for something; a day without a time begins when business opens."""

    reason: str
    on: date
    at: datetime | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Resume:
    """What it waited for is over."""

    reason: str


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report in sections.

    Attributes:
        sections: name -> text; the names are those of `REPORT_SECTIONS`.
    """

    sections: Mapping[str, str]
    departed_at: datetime | None = None
    parts: tuple[tuple[str, str], ...] = ()
    oem_case: str = ""
    rma_by: str = ""


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """One line of an invoice."""

    category: str
    amount: Money
    performed_at: datetime
    description: str


@dataclass(frozen=True, slots=True)
class WrittenInvoice:
    """An invoice as it stands in a mail or its paper; what is not there is empty."""

    number: str = ""
    customer: str = ""
    address: str = ""
    work_order: str = ""
    service_dates: tuple[date, ...] = ()
    description: str = ""
    lines: tuple[WrittenLine, ...] = ()
    total: Money | None = None


@dataclass(frozen=True, slots=True)
class ApproveSpend:
    """A coordinator lets a partner spend up to a total."""

    max_total: Money


@dataclass(frozen=True, slots=True)
class RejectSpend:
    """A coordinator does not."""

    reason: str


@dataclass(frozen=True, slots=True)
class AskForSpend:
    """A partner asks for leave to spend up to a total."""

    amount: Money


@dataclass(frozen=True, slots=True)
class DisputeIt:
    """A partner disagrees with a back-bill."""

    reason: str


@dataclass(frozen=True, slots=True)
class Question:
    """Something that somebody has to answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """Words for a person, which no command says."""

    text: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """It begins like a command and does not read as one.

    Attributes:
        word: the command that it begins like.
        because: what is not clear.
        example: how it is written.
    """

    word: str
    because: str
    example: str


Command = (
    Acknowledge
    | Accept
    | Decline
    | Called
    | VisitAt
    | Arrived
    | Departed
    | PauseSince
    | Resume
    | WrittenReport
    | WrittenInvoice
    | ApproveSpend
    | RejectSpend
    | AskForSpend
    | DisputeIt
    | Question
    | Note
    | Unclear
)

EXAMPLES: Mapping[str, str] = {
    "ACKNOWLEDGE": "ACKNOWLEDGE",
    "ACCEPT": "ACCEPT estimate $450.00",
    "DECLINE": "DECLINE no technician free this week",
    "CALLED": "CALLED phone no answer",
    "VISIT": "VISIT 2026-06-15 10:00 to 12:00 TECHNICIAN Ann Lee",
    "ARRIVED": "ARRIVED 2026-06-15 10:05",
    "DEPARTED": "DEPARTED 2026-06-15 11:40 finished",
    "PAUSE": "PAUSE weather since 2026-06-15 evidence storm warning NWS-123",
    "RESUME": "RESUME weather",
    "REPORT": "REPORT",
    "INVOICE": "INVOICE",
    "APPROVE": "APPROVE $900.00",
    "REJECT": "REJECT please repair instead of replacing",
    "REQUEST": "REQUEST $900.00",
    "DISPUTE": "DISPUTE the connector was damaged by hail",
    "QUESTION": "QUESTION may we come on Saturday?",
}
"""How each command is written; the letters that explain them say the same."""

CHANNELS = {"phone": "phone", "call": "phone", "sms": "sms", "text": "sms", "email": "email",
            "e-mail": "email", "mail": "email"}  # fmt: skip
PAUSE_WORDS: Mapping[str, str] = {
    "homeowner unresponsive": "homeowner_unresponsive",
    "homeowner": "homeowner_unresponsive",
    "weather": "weather",
    "equipment shipping delay": "equipment_shipping_delay",
    "shipping delay": "equipment_shipping_delay",
    "shipping": "equipment_shipping_delay",
    "multi visit": "multi_visit",
    "further visit": "multi_visit",
}
_GREETING = re.compile(
    r"(?:hi|hello|hey|dear|good (?:morning|afternoon|evening))\b[^.?!:]{0,40}[,.!:]?", re.IGNORECASE
)
_POLITE = ("thanks", "thank you", "thx", "cheers")


@dataclass(frozen=True, slots=True)
class Words:
    """A line that begins with a command: the word, and what follows it.

    Attributes:
        rest: of the line.
        below: the lines after it.
    """

    word: str
    rest: str
    below: tuple[str, ...]
    zone: ZoneInfo
    end: list[int] = field(default_factory=list)


class _NotClearError(Exception):
    """The words after a command are not what belongs there."""


def commands_in(reply: str, *, zone: ZoneInfo) -> tuple[Command, ...]:
    """Give what the sender wants done, in order.

    Commands stand at the top, one a line; the first line that is none ends them, and what follows
    is a note to a person. A mail without any is a `Note`. The first `Unclear` ends the reading.

    Args:
        reply: what the sender wrote, without what it answers.
        zone: of the site; times of day are meant there.
    """
    lines = tuple(_bare(line) for line in reply.split("\n"))
    found: list[Command] = []
    place = _after_greeting(lines)
    while place < len(lines) and len(found) < MAX_COMMANDS:
        if not lines[place]:
            place += 1
            continue
        words = _words(lines, place, zone)
        if words is None:
            break
        found.append(_read(words))
        if isinstance(found[-1], Unclear):
            return tuple(found)
        place = len(lines) if words.word in _TO_THE_END else place + 1
    note = _note(lines[place:])
    if note and (not found or not _is_closing(note)):
        found.append(Note(note))
    return tuple(found)


def is_invoice(text: str) -> bool:
    """Tell whether a text holds an invoice, by the label of its number."""
    return any(_LABELS["number"].match(_bare(line)) for line in text.split("\n"))


def invoice_in(text: str, *, zone: ZoneInfo) -> WrittenInvoice | Unclear:
    """Give the invoice that a text holds: labelled fields, and a line for each cost.

    Amounts have a dollar sign or two decimals; a line that begins with a category of cost and does
    not read as one makes the whole unclear, for money is not guessed.
    """
    try:
        return _invoice([_bare(line) for line in text.split("\n")], zone)
    except _NotClearError as wrong:
        return Unclear("INVOICE", str(wrong), EXAMPLES["INVOICE"])


def _bare(line: str) -> str:
    """Give a line without a list's marks and emphasis."""
    text = re.sub(r"^(?:[-*\u2022\u00b7]|\d{1,2}[.)])\s+", "", " ".join(line.split()))
    is_emphasised = len(text) > 2 and text[0] in "*_" and text[-1] in "*_"
    return text.strip("*_ ") if is_emphasised else text


def _after_greeting(lines: Sequence[str]) -> int:
    for place, line in enumerate(lines):
        if line:
            is_greeting = _GREETING.fullmatch(line) and _verb(line) is None
            return place + 1 if is_greeting else place
    return len(lines)


def _is_closing(note: str) -> bool:
    """Tell whether what follows the commands says nothing: thanks, a greeting, a name."""
    words = note.split()
    return len(words) <= 6 and not re.search(r"[?\d$@]", note)


def _note(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip()[:5_000]


_VERBS: Mapping[str, str] = {
    "ACKNOWLEDGE": "ACKNOWLEDGE", "ACKNOWLEDGED": "ACKNOWLEDGE", "RECEIVED": "ACKNOWLEDGE",
    "ACCEPT": "ACCEPT", "ACCEPTED": "ACCEPT", "DECLINE": "DECLINE", "DECLINED": "DECLINE",
    "CALLED": "CALLED", "CONTACTED": "CALLED", "VISIT": "VISIT", "SCHEDULED": "VISIT",
    "ARRIVED": "ARRIVED", "DEPARTED": "DEPARTED", "PAUSE": "PAUSE", "RESUME": "RESUME",
    "REPORT": "REPORT", "INVOICE": "INVOICE", "APPROVE": "APPROVE", "APPROVED": "APPROVE",
    "REJECT": "REJECT", "REJECTED": "REJECT", "REQUEST": "REQUEST", "DISPUTE": "DISPUTE",
    "QUESTION": "QUESTION",
}  # fmt: skip
_TO_THE_END = {"REPORT", "INVOICE", "QUESTION"}


def _verb(line: str) -> str | None:
    found = re.match(r"[*_]*([A-Za-z]+)[*_]*(?=[\s:,.!-]|$)", line)
    return _VERBS.get(found[1].upper()) if found else None


def _words(lines: Sequence[str], place: int, zone: ZoneInfo) -> Words | None:
    verb = _verb(lines[place])
    if verb is None:
        return None
    rest = re.sub(r"^[*_]*[A-Za-z]+[*_]*[\s:,.!]*(?:- )?", "", lines[place], count=1)
    if len(rest) > MAX_LINE and verb not in _TO_THE_END:
        return None
    if rest and verb in _LABELS_OF and not any(one.match(rest) for one in _LABELS_OF[verb]):
        # "Report attached" and "Invoice follows" are words to a person.
        return None
    return Words(verb, rest.strip(), tuple(lines[place + 1 :]), zone)


def _read(words: Words) -> Command:
    try:
        return _READERS[words.word](words)
    except _NotClearError as wrong:
        return Unclear(words.word, str(wrong), EXAMPLES[words.word])


def _unpolite(rest: str) -> str:
    """Give the words without a thank-you at their end."""
    bare = rest.lstrip(" ,;.!").rstrip(" ,;.!-")
    for word in _POLITE:
        if bare.lower() == word or bare.lower().endswith((f" {word}", f",{word}")):
            return bare[: -len(word)].rstrip(" ,;.!-")
    return bare


def _acknowledge(words: Words) -> Command:
    if _unpolite(words.rest):
        raise _NotClearError(f"{words.rest!r} follows the word, which stands alone")
    return Acknowledge()


def _accept(words: Words) -> Command:
    rest = _unpolite(words.rest)
    if not rest:
        return Accept(None)
    amount = re.sub(r"^(?:with )?(?:an )?estimate(?: of)?[\s:=]*", "", rest, flags=re.IGNORECASE)
    return Accept(_amount(amount))


def _decline(words: Words) -> Command:
    reason = re.sub(r"^(?:because|reason)\b[\s:]*", "", words.rest, flags=re.IGNORECASE)
    if not _unpolite(reason):
        raise _NotClearError("the reason is missing")
    return Decline(reason)


def _called(words: Words) -> Command:
    rest = re.sub(r"^(?:the )?(?:homeowner|customer)\b\s*", "", words.rest, flags=re.IGNORECASE)
    rest = re.sub(r"^(?:by|via)\s+", "", rest, flags=re.IGNORECASE)
    channel, _, outcome = rest.partition(" ")
    named = CHANNELS.get(channel.lower().strip(",:;-"))
    if named is None:
        raise _NotClearError("it names no channel: phone, sms or email")
    if not outcome.strip(" ,:;-"):
        raise _NotClearError("it does not say what came of it")
    return Called(named, outcome.strip(" ,:;-"))


def _visit(words: Words) -> Command:
    found = re.fullmatch(
        r"(?:on )?(?P<day>.+?)[ ,]+(?:from |between )?(?P<since>"
        + _CLOCK
        + r") ?(?:to|until|and|-|\u2013)"
        r" ?(?P<until>" + _CLOCK + r")[ ,;]+(?:with )?technician:? (?P<who>\S.{0,98})",
        words.rest,
        re.IGNORECASE,
    )
    if found is None:
        raise _NotClearError("a visit has a day, two times and a technician")
    day = _day(found["day"])
    since = _instant(day, found["since"], words.zone)
    until = _instant(day, found["until"], words.zone)
    if until <= since:
        raise _NotClearError("it ends before it begins")
    return VisitAt(since, until, found["who"].strip(" ."))


def _arrived(words: Words) -> Command:
    before, _, technician = _TECHNICIAN.sub("\n", words.rest, count=1).partition("\n")
    return Arrived(_moment_or_now(before, words.zone), technician.strip(" ."))


def _departed(words: Words) -> Command:
    """Read a departure; whether somebody has to come again is said, for clocks hang on it."""
    found = _ENDED.search(_unpolite(words.rest))
    if found is None:
        raise _NotClearError("it does not say whether the work is finished or not finished")
    return Departed(_moment_or_now(words.rest[: found.start()], words.zone), found[1] is None)


_TECHNICIAN = re.compile(r"(?:^|[ ,;])(?:with )?technician:? ", re.IGNORECASE)
_ENDED = re.compile(
    r"(?:^|[ ,;:-])(?:(not finished|not done|unfinished|return visit needed)|finished|done)[ .!]*$",
    re.IGNORECASE,
)


def _moment_or_now(text: str, zone: ZoneInfo) -> datetime | None:
    rest = _unpolite(re.sub(r"^at\s+", "", text, flags=re.IGNORECASE))
    return _moment(rest, zone) if rest else None


def _pause(words: Words) -> Command:
    found = re.fullmatch(
        r"(?P<reason>.+?)[ ,]+since:? (?P<since>.+?)"
        r"(?:[ ,;]+(?:evidence|because):? ?(?P<evidence>.*))?",
        words.rest,
        re.IGNORECASE,
    )
    if found is None:
        raise _NotClearError("a pause has a reason, the day since when, and evidence")
    at = None
    if re.search(rf" {_CLOCK}$", found["since"], re.IGNORECASE):
        at = _moment(found["since"], words.zone)
    day = at.astimezone(words.zone).date() if at else _day(found["since"])
    return PauseSince(_reason(found["reason"]), day, at, (found["evidence"] or "").strip())


def _resume(words: Words) -> Command:
    return Resume(_reason(_unpolite(words.rest)))


def _reason(text: str) -> str:
    named = PAUSE_WORDS.get(" ".join(re.split(r"[\s_-]+", text.strip().lower())))
    if named is None:
        known = "weather, homeowner unresponsive, equipment shipping delay, multi visit"
        raise _NotClearError(f"{text!r} is no reason that stops a clock ({known})")
    return named


def _approve(words: Words) -> Command:
    rest = re.sub(r"^(?:up to|a total of)\s+", "", _unpolite(words.rest), flags=re.IGNORECASE)
    amount = _amount(rest)
    if amount <= ZERO:
        raise _NotClearError("nothing is no amount to approve")
    return ApproveSpend(amount)


def _reject(words: Words) -> Command:
    return RejectSpend(words.rest)


def _request(words: Words) -> Command:
    rest = re.sub(r"^(?:approval (?:of|for)|up to)\s+", "", _unpolite(words.rest), flags=re.I)
    return AskForSpend(_amount(rest))


def _dispute(words: Words) -> Command:
    if not _unpolite(words.rest):
        raise _NotClearError("the reason is missing")
    return DisputeIt(words.rest)


def _question(words: Words) -> Command:
    text = _note((words.rest, *words.below))
    if not text:
        raise _NotClearError("the question is missing")
    return Question(text)


# ---- reports ------------------------------------------------------------------------------------

REPORT_SECTIONS: Mapping[str, re.Pattern[str]] = {
    "as_found": re.compile(r"as (?:found|arrived)\s*:\s*", re.IGNORECASE),
    "as_departed": re.compile(r"as (?:departed|left)\s*:\s*", re.IGNORECASE),
    "summary": re.compile(r"summary\s*:\s*", re.IGNORECASE),
    "root_cause": re.compile(r"root[ -]cause\s*:\s*", re.IGNORECASE),
    "departed_at": re.compile(r"departed at\s*:\s*", re.IGNORECASE),
    "rma_old": re.compile(r"(?:rma )?old(?: serial)?\s*:\s*", re.IGNORECASE),
    "rma_new": re.compile(r"(?:rma )?new(?: serial)?\s*:\s*", re.IGNORECASE),
    "oem_case": re.compile(r"oem case(?: number)?\s*:\s*", re.IGNORECASE),
    "rma_by": re.compile(r"rma (?:by|started by|initiated by)\s*:\s*", re.IGNORECASE),
}
"""Sections of a report in a mail, by the label that begins them."""


def _report(words: Words) -> Command:
    sections: dict[str, list[str]] = {}
    old: list[str] = []
    new: list[str] = []
    current = ""
    for line in (words.rest, *words.below):
        label = next((name for name, one in REPORT_SECTIONS.items() if one.match(line)), None)
        text = REPORT_SECTIONS[label].sub("", line, count=1) if label else line
        if label in sections:
            raise _NotClearError(f"{str(label).replace('_', ' ')!r} stands there twice")
        if label in ("rma_old", "rma_new"):
            (old if label == "rma_old" else new).append(text.strip())
            current = ""
            continue
        current = label or current
        if current:
            sections.setdefault(current, []).append(text)
        if current not in _TEXT_SECTIONS:
            current = ""
    texts = {name: "\n".join(lines).strip() for name, lines in sections.items()}
    if not texts:
        raise _NotClearError("it has no sections: As found, As departed, Summary, Root cause")
    count = max(len(old), len(new))
    departed = texts.pop("departed_at", "")
    return WrittenReport(
        sections={name: texts.get(name, "") for name in _TEXT_SECTIONS},
        departed_at=_moment(departed, words.zone) if departed else None,
        parts=tuple(
            (one, another)
            for one, another in zip(_filled(old, count), _filled(new, count), strict=True)
        ),
        oem_case=texts.get("oem_case", ""),
        rma_by=texts.get("rma_by", "").lower(),
    )


_TEXT_SECTIONS = ("as_found", "as_departed", "summary", "root_cause")


def _filled(values: Sequence[str], count: int) -> list[str]:
    return [*values, *[""] * (count - len(values))]


# ---- invoices -----------------------------------------------------------------------------------

_LABELS: Mapping[str, re.Pattern[str]] = {
    "number": re.compile(r"invoice (?:number|no\.?|#)\s*:?\s*", re.IGNORECASE),
    "customer": re.compile(r"customer(?: name)?\s*:\s*", re.IGNORECASE),
    "address": re.compile(r"(?:site )?address\s*:\s*", re.IGNORECASE),
    "work_order": re.compile(r"work order(?: (?:number|no\.?|#))?\s*:?\s*", re.IGNORECASE),
    "dates": re.compile(r"service dates?\s*:\s*", re.IGNORECASE),
    "description": re.compile(r"description\s*:\s*", re.IGNORECASE),
    "total": re.compile(r"total\s*:\s*", re.IGNORECASE),
}
_COST = re.compile(r"(labor|labour|materials?|travel)\b[\s:]*(.*)", re.IGNORECASE)
_CATEGORIES = {"labour": "labor", "material": "materials"}


def _invoice_of_mail(words: Words) -> Command:
    return _invoice([words.rest, *words.below], words.zone)


def _invoice(lines: Sequence[str], zone: ZoneInfo) -> WrittenInvoice:
    fields: dict[str, str] = {}
    costs: list[WrittenLine] = []
    current = ""
    for line in lines:
        label = next((name for name, one in _LABELS.items() if one.match(line)), None)
        if label:
            if label in fields:
                raise _NotClearError(f"{label.replace('_', ' ')!r} stands there twice")
            fields[label] = _LABELS[label].sub("", line, count=1).strip()
            current = label
        elif (
            len(line) <= MAX_LINE
            and (cost := _COST.fullmatch(line))
            and re.match(r"\$? ?\d", cost[2])
        ):
            costs.append(_cost(cost[1].lower(), cost[2], zone))
            current = ""
        elif line and current == "description":
            fields[current] = f"{fields[current]}\n{line}".strip()
    return WrittenInvoice(
        number=fields.get("number", ""),
        customer=fields.get("customer", ""),
        address=fields.get("address", ""),
        work_order=fields.get("work_order", "").strip("[]").upper(),
        service_dates=tuple(_days(fields.get("dates", ""))),
        description=fields.get("description", ""),
        lines=tuple(costs),
        total=_amount(fields["total"]) if fields.get("total") else None,
    )


def _cost(category: str, rest: str, zone: ZoneInfo) -> WrittenLine:
    found = re.fullmatch(rf"(\S+) (.+? {_CLOCK})(?:[ ,;:-]+(.*))?", rest, re.IGNORECASE)
    if found is None:
        raise _NotClearError(f"the line {rest!r} has no amount, day and time")
    amount = _amount(found[1])
    at = _moment(found[2], zone)
    return WrittenLine(_CATEGORIES.get(category, category), amount, at, found[3] or category)


def _days(text: str) -> Iterator[date]:
    for part in re.split(r"\s*(?:;|\band\b|,\s*(?=\d{4}-|\d{1,2}/))\s*", text):
        if part:
            yield _day(part)


# ---- amounts, days, times -----------------------------------------------------------------------

_CLOCK = r"\d{1,2}(?::\d{2}(?: ?[ap]\.?m\.?)?| ?[ap]\.?m\.?)"
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_EARLIEST_HOUR = 6
"""A time before this without am or pm is more likely meant in the afternoon: it is asked about."""


def _amount(text: str) -> Money:
    """Read dollars, with cents or none; anything beside the number is not clear."""
    bare = text.strip().removesuffix("USD").strip()
    if re.fullmatch(r"\$? ?\d{1,3}(?:,\d{3})*|\$? ?\d{1,7}", bare, re.ASCII):
        bare += ".00"
    try:
        amount = Money.parse(bare.replace("$ ", "$"))
    except BadInput:
        raise _NotClearError(f"{text.strip()!r} is no amount in dollars, like $450.00") from None
    if amount < ZERO:
        raise _NotClearError(f"{text.strip()!r} is below zero")
    return amount


def _day(text: str) -> date:
    """Read a day as people of the United States write it, or ISO 8601; the year is always there."""
    bare = text.strip(" ,.")
    if found := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", bare, re.ASCII):
        return _date(int(found[1]), int(found[2]), int(found[3]), bare)
    if found := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", bare, re.ASCII):
        return _date(int(found[3]), int(found[1]), int(found[2]), bare)
    found = re.fullmatch(r"(?:[a-z]+day,? )?([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})",
                         bare,
                         re.IGNORECASE | re.ASCII)  # fmt: skip
    if found:
        months = [one for one in _MONTHS if one.startswith(found[1].lower())]
        if len(months) == 1:
            return _date(int(found[3]), _MONTHS.index(months[0]) + 1, int(found[2]), bare)
    raise _NotClearError(f"{bare!r} is no day, like 2026-06-15")


def _date(year: int, month: int, day: int, text: str) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise _NotClearError(f"{text!r} is not in the calendar") from None


def _moment(text: str, zone: ZoneInfo) -> datetime:
    found = re.fullmatch(rf"(.+?),?(?: at)? ({_CLOCK})", text.strip(" ."), re.IGNORECASE)
    if found is None:
        raise _NotClearError(f"{text!r} is no day with a time, like 2026-06-15 11:40")
    return _instant(_day(found[1]), found[2], zone)


def _instant(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """Give the instant of a time of day at the site, if it is there once."""
    local = datetime.combine(day, _clock(clock), zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise _NotClearError(f"{clock} does not exist on {day}: the clocks are put forward")
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise _NotClearError(f"{clock} happens twice on {day}: the clocks are put back")
    return local.astimezone(UTC)


def _clock(text: str) -> time:
    found = re.fullmatch(r"(\d{1,2})(?::(\d{2}))?(?: ?([ap])\.?m\.?)?", text.strip(), re.I | re.A)
    if found is None or (found[2] is None and found[3] is None):
        raise _NotClearError(f"{text!r} is no time of day, like 14:00 or 2 pm")
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            raise _NotClearError(f"{text!r} is no time of day")
        hour = hour % 12 + (12 if found[3].lower() == "p" else 0)
    elif 1 <= hour < _EARLIEST_HOUR and len(found[1]) == 1:
        raise _NotClearError(f"{text!r} may be morning or afternoon: write 14:00 or 2 pm")
    if hour > 23 or minute > 59:
        raise _NotClearError(f"{text!r} is no time of day")
    return time(hour, minute)


_LABELS_OF = {"REPORT": tuple(REPORT_SECTIONS.values()), "INVOICE": tuple(_LABELS.values())}

_READERS: Mapping[str, Callable[[Words], Command]] = {
    "ACKNOWLEDGE": _acknowledge,
    "ACCEPT": _accept,
    "DECLINE": _decline,
    "CALLED": _called,
    "VISIT": _visit,
    "ARRIVED": _arrived,
    "DEPARTED": _departed,
    "PAUSE": _pause,
    "RESUME": _resume,
    "REPORT": _report,
    "INVOICE": _invoice_of_mail,
    "APPROVE": _approve,
    "REJECT": _reject,
    "REQUEST": _request,
    "DISPUTE": _dispute,
    "QUESTION": _question,
}
