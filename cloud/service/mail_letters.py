"""What is answered to a mail, and what a person is told of one."""

from collections.abc import Sequence
from datetime import datetime

from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.service.mail_reading import EXAMPLES
from cloud.service.models import Coordinator, Mail, MailReading, PostHold

_SIGNED = "\n\nKind regards\nAftermarket Service"
_ANSWERS = (
    ("ACKNOWLEDGE", "you have it"),
    ("ACCEPT", "you take it; 0 if your own workmanship warranty covers it"),
    ("DECLINE", "you do not take it, and why"),
    ("CALLED", "whom you tried to reach, and what came of it"),
    ("VISIT", "what you agreed on with the homeowner, in the site's own time"),
    ("QUESTION", "anything else; a person reads it"),
)


def how_to_answer() -> str:
    """Give the six lines that explain in an offer how to answer it by mail (M-75)."""
    return "\n".join(f"  {EXAMPLES[word]}: {meaning}" for word, meaning in _ANSWERS)


def answered(mail: Mail, *, subject: str, unread: Sequence[str], at: datetime) -> Letter:
    """Tell the sender how its mail was read: what was done, and what is missing (M-75)."""
    lines = [_outcome(one) for one in mail.readings]
    lines += [f"NOT READ: {sentence}." for sentence in unread]
    text = (
        f"Hello,\n\nthis is how your mail about {mail.thread} was read.\n\n"
        + "\n".join(lines)
        + "\n\nIf that is not what you meant, answer this mail; a person reads what we cannot."
    )
    return Letter(
        id=derived("LTR", mail.id, "answered"),
        to=mail.sender,
        subject=f"[{mail.thread}] Re: {subject}"[:200],
        text=text + _SIGNED,
        thread=mail.thread,
        at=at,
    )


def passed_on(
    mail: Mail, *, to: str, name: str, text: str, files: Sequence[str], at: datetime
) -> Letter:
    """Hand words that no command says to the person whom they concern (M-75)."""
    with_it = f"\n\nWith it came: {', '.join(files)}." if files else ""
    return Letter(
        id=derived("LTR", mail.id, "passed_on"),
        to=to,
        subject=f"[{mail.thread}] A mail for you",
        text=f"Hello {name},\n\n{mail.sender} writes about {mail.thread}:\n\n{text}{with_it}\n\n"
        f"The whole mail is on record as {mail.id}. Please answer in this thread." + _SIGNED,
        thread=mail.thread,
        at=at,
    )


def quarantined(mail: Mail, *, coordinator: Coordinator, at: datetime) -> Letter:
    """Tell a coordinator that a mail about its work order waits to be looked at (M-75)."""
    return Letter(
        id=derived("LTR", mail.id, "quarantined"),
        to=coordinator.email,
        subject=f"[{mail.thread}] A mail waits to be looked at",
        text=f"Hello {coordinator.name},\n\na mail that says it is from {mail.sender or 'nobody'} "
        f"names {mail.thread} and was put aside: {mail.says}. Please release or discard {mail.id} "
        "in the portal; nothing was done because of it." + _SIGNED,
        thread=mail.thread,
        at=at,
    )


def held(hold: PostHold, *, to: str, at: datetime) -> Letter:
    """Ask operations whether the letters that are held may leave (M-76)."""
    return Letter(
        id=derived("LTR", hold.id, "held", hold.held_at.isoformat()),
        to=to,
        subject="Letters are held: please decide",
        text=f"{hold.says}. From now on letters wait, but for those about emergencies. Please look "
        "at what they say, then release or drop them in the portal.",
        thread=hold.id,
        at=at,
    )


def _outcome(one: MailReading) -> str:
    if one.is_done:
        return f"{one.word}: done. {one.says}"
    code = f" ({one.code})" if one.code else ""
    return f"{one.word}: not done{code}. {one.says}"
