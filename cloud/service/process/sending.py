"""Letters on their way out: whether they may leave, whether they arrived, and who is told."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from cloud.kernel.change import NEW, Change, Event, Letter, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.service import mail_letters
from cloud.service.models import Case, Mail, MailState, PostHold, PostHour, WorkOrder
from cloud.service.postage import Leaving, too_many, under
from cloud.service.process.reaching import record_bounce, record_delivery, record_unsent

HOLD: Final = "POST"
"""Id of the one hold on letters."""
_TRIES: Final = 8
_AT_REST = {MailState.DELIVERED, MailState.RETURNED}
BY_MAIL = "mail"


def outgoing_id(letter_id: str) -> str:
    """Give the id of the record of a letter as a mail."""
    return derived("MAIL", "out", letter_id)


def post(
    records: Records, letter: Letter, *, fleet_sites: int, operations_mail: str, at: datetime
) -> Leaving:
    """Count a letter that is about to be sent, or hold it (M-76, M-76a, M-76b).

    The same letter counts once, however often sending it is tried. Letters to operations and those
    about emergencies leave at any time. What waits is asked for again by whoever sends letters.

    Raises:
        Conflict: others counted letters at the same moment, again and again: try later.
    """
    count = partial(
        _posted, records, letter, fleet_sites=fleet_sites, operations_mail=operations_mail, at=at
    )
    for _ in range(_TRIES - 1):
        with suppress(Conflict):
            return count()
    return count()


def _posted(
    records: Records, letter: Letter, *, fleet_sites: int, operations_mail: str, at: datetime
) -> Leaving:
    known = records.load(Mail, outgoing_id(letter.id))
    if known is not None and known.record.state is MailState.DROPPED:
        return Leaving.DROPPED
    if known is not None and known.record.state is not MailState.HELD:
        return Leaving.LEAVES
    if letter.to == operations_mail or _is_emergency(records, letter.thread):
        records.commit(Change(saves=(_saved(known, _outgoing(letter, MailState.LEAVING, at)),)))
        return Leaving.LEAVES
    hold = records.load(PostHold, HOLD)
    if known is not None and hold is not None:
        return _after_decision(records, known, hold.record, letter, at)
    if hold is not None and hold.record.state is MailState.HELD:
        # A decision that is made meanwhile would not know of this letter.
        waiting = (Save(_outgoing(letter, MailState.HELD, at)),)
        records.commit(Change(saves=waiting, relies_on=(hold.relied_on(),)))
        return Leaving.WAITS
    hour = f"{at.astimezone(UTC):%Y-%m-%dT%H}"
    count = records.load(PostHour, hour) or Stored(PostHour(hour, 0), NEW)
    letters = count.record.letters + 1
    because = too_many(letters=letters, fleet_sites=fleet_sites, on=at.date())
    if because:
        held = PostHold(HOLD, MailState.HELD, because, at)
        records.commit(_holding(hold, held, letter, operations_mail=operations_mail, at=at))
        return Leaving.WAITS
    saves = (
        count.replaced_by(PostHour(hour, letters)),
        Save(_outgoing(letter, MailState.LEAVING, at)),
    )
    records.commit(Change(saves=saves))
    return Leaving.LEAVES


def _after_decision(
    records: Records, known: Stored[Mail], hold: PostHold, letter: Letter, at: datetime
) -> Leaving:
    verdict = under(hold, written_at=letter.at)
    if verdict is Leaving.WAITS:
        return verdict
    state = MailState.LEAVING if verdict is Leaving.LEAVES else MailState.DROPPED
    if verdict is Leaving.DROPPED:
        because = f"{hold.decided_by} dropped the letters that were held"
        record_unsent(records, thread=letter.thread, letter_id=letter.id, because=because, at=at)
    after = replace(
        known.record, state=state, decided_by=hold.decided_by, decided_at=hold.decided_at
    )
    records.commit(Change(saves=(known.replaced_by(after),)))
    return verdict


def _holding(
    before: Stored[PostHold] | None,
    hold: PostHold,
    letter: Letter,
    *,
    operations_mail: str,
    at: datetime,
) -> Change:
    return Change(
        saves=(
            (before or Stored(hold, NEW)).replaced_by(hold),
            Save(_outgoing(letter, MailState.HELD, at)),
        ),
        events=(Event(HOLD, "post_held", at, BY_MAIL, "M-76", (letter.id,), hold.says),),
        letters=(mail_letters.held(hold, to=operations_mail, at=at),),
    )


def decide_post(
    records: Records, *, is_released: bool, at: datetime, by: str
) -> PostHold | Refused:
    """Let the letters that are held leave, or drop them (M-76).

    Later letters are counted anew, in the hours that follow. The same decision again changes
    nothing.
    """
    stored = records.load(PostHold, HOLD)
    state = MailState.RELEASED if is_released else MailState.DROPPED
    if stored is None or stored.record.state is not MailState.HELD:
        if stored is not None and (stored.record.state, stored.record.decided_by) == (state, by):
            return stored.record
        return Refused("M-76", "no letters are held now", "conflict")
    after = replace(stored.record, state=state, decided_by=by, decided_at=at)
    hour = f"{at.astimezone(UTC):%Y-%m-%dT%H}"
    count = records.load(PostHour, hour)
    saves = [stored.replaced_by(after)]
    if count is not None:
        # What led to the hold was looked at; without this the next letter would be held again.
        saves.append(count.replaced_by(PostHour(hour, 0)))
    says = f"{by} {'released' if is_released else 'dropped'} the letters that were held"
    event = Event(HOLD, f"post_{state.value}", at, by, "M-76", (), says)
    records.commit(Change(saves=tuple(saves), events=(event,)))
    return after


def arrived(
    records: Records, *, letter_id: str, message_id: str, delivered_at: datetime
) -> Mail | None:
    """Note that a letter reached the receiver's mail server; an offer's clock starts (S-20).

    None when the letter is not on record (yet).
    """
    stored = records.load(Mail, outgoing_id(letter_id))
    if stored is None:
        return None
    record_delivery(
        records, thread=stored.record.thread, letter_id=letter_id, delivered_at=delivered_at
    )
    if stored.record.state in _AT_REST:
        return stored.record
    after = replace(stored.record, state=MailState.DELIVERED, message_id=message_id)
    records.commit(Change(saves=(stored.replaced_by(after),)))
    return after


def came_back(
    records: Records, *, letter_id: str, message_id: str, because: str, at: datetime
) -> Mail | None:
    """Note that a letter was refused or complained of; an offer's clock is void (S-20).

    None when the letter is not on record (yet).
    """
    stored = records.load(Mail, outgoing_id(letter_id))
    if stored is None:
        return None
    before = stored.record
    record_bounce(
        records, thread=before.thread, letter_id=letter_id, at=at, address=before.recipient
    )
    if before.state is MailState.RETURNED:
        return before
    after = replace(
        before,
        state=MailState.RETURNED,
        says=because,
        message_id=message_id or before.message_id,
    )
    says = f"letter {letter_id} to {after.recipient} came back: {because}"
    event = Event(
        after.thread or after.id, "mail_returned", at, BY_MAIL, "S-20", (letter_id,), says
    )
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def still_tried(records: Records, *, letter_id: str, message_id: str, because: str) -> Mail | None:
    """Note that a mail server did not take a letter for now; an offer stays as it is (S-20).

    None when the letter is not on record (yet).
    """
    stored = records.load(Mail, outgoing_id(letter_id))
    if stored is None or stored.record.state in _AT_REST or stored.record.says == because:
        return stored.record if stored else None
    after = replace(stored.record, says=because, message_id=message_id)
    records.commit(Change(saves=(stored.replaced_by(after),)))
    return after


def cannot_leave(records: Records, *, letter_id: str, because: str, at: datetime) -> Mail:
    """Note that a letter cannot be written as a mail and is not tried again (S-20).

    Of one that offers work a person corrects the contact; the next letter has an id of its own.

    Raises:
        NotFound: the letter is not on record.
    """
    stored = require(records.load(Mail, outgoing_id(letter_id)), "letter", letter_id)
    before = stored.record
    record_unsent(records, thread=before.thread, letter_id=letter_id, because=because, at=at)
    if before.state in _AT_REST:
        return before
    after = replace(before, state=MailState.RETURNED, says=because)
    event = Event(
        after.thread or after.id, "mail_not_sent", at, BY_MAIL, "S-20", (letter_id,), because
    )
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def letter_named(records: Records, message_id: str) -> Mail | None:
    """Give the mail of ours that has a message id, by the part before the @ as SES gives it."""
    bare = message_id.strip("<> ").partition("@")[0]
    found = records.find(Mail, by="message_id", value=bare) if bare else ()
    return next((one.record for one in found if one.record.is_ours), None)


def held_post(records: Records) -> PostHold:
    """Give the hold on letters.

    Raises:
        NotFound: none ever was.
    """
    return require(records.load(PostHold, HOLD), "hold on letters", HOLD).record


def _is_emergency(records: Records, thread: str) -> bool:
    if thread.startswith("WO-"):
        order = records.load(WorkOrder, thread)
        return order is not None and order.record.is_emergency
    if thread.startswith("CASE-"):
        case = records.load(Case, thread)
        return case is not None and case.record.is_emergency
    return False


def _outgoing(letter: Letter, state: MailState, at: datetime) -> Mail:
    return Mail(
        id=outgoing_id(letter.id),
        state=state,
        thread=letter.thread,
        is_ours=True,
        sender="",
        recipient=letter.to,
        subject=letter.subject,
        at=at,
        letter_id=letter.id,
    )


def _saved(known: Stored[Mail] | None, mail: Mail) -> Save:
    return (known or Stored(mail, NEW)).replaced_by(mail)
