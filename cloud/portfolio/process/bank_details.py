"""Where a partner is paid: changed by two people after a hold, or corrected by the bank."""

from dataclasses import replace
from datetime import UTC, date, datetime

from cloud.kernel.change import NEW, Change, Event, Message, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.kernel.secret import Secret
from cloud.portfolio import letters
from cloud.portfolio.models import AccountKind, Partner, Prenote
from cloud.portfolio.papers import (
    WAITING,
    BankChange,
    BankChangeState,
    DocumentKind,
    DocumentState,
    PartnerDocument,
    corrects,
    takes_effect,
    wrong_bank_details,
)
from cloud.portfolio.policy import BANK_CHANGE_HOLD_HOURS, CORRECTED_BY_BANK, TWO_PEOPLE
from cloud.portfolio.process.documents import taking_the_place

BANK_CHANGE_DUE = "bank_change_due"
BANK = "bank"
_HOLD = BANK_CHANGE_HOLD_HOURS.id


# ---------------------------------------------------------------------- two people and a hold
def ask_bank_change(
    records: Records,
    *,
    partner_id: str,
    routing_number: str,
    account_number: Secret,
    authorization_id: str,
    at: datetime,
    by: str,
    account_kind: AccountKind = AccountKind.CHECKING,
) -> BankChange | Refused:
    """Ask for other bank details (P-81, P-85); the addresses on record are told at once.

    Nothing changes until another person agreed and the hold is over. While one change waits, there
    is no other: asking for the same one again gives it as it stands, where the account can be
    compared. Where it lies sealed, a second request is another one, and is refused.

    Args:
        records: where everything is kept.
        partner_id: who is paid.
        routing_number: of the bank.
        account_number: at that bank.
        authorization_id: the partner's bank authorization for this account, which waits (F05).
        at: when.
        by: who asks.
        account_kind: what kind of account it is.
    """
    on = at.astimezone(UTC).date()
    wrong = wrong_bank_details(routing_number=routing_number, account_number=account_number, on=on)
    if wrong is not None:
        return wrong
    partner = require(records.load(Partner, partner_id), "partner", partner_id).record
    number, last = _latest(records, partner_id)
    made = BankChange(
        derived("BCH", partner_id, number),
        partner_id,
        routing_number,
        account_number,
        account_kind,
        by,
        at,
        authorization_id=authorization_id,
    )
    if last is not None and last.record.state in WAITING:
        return _same_or_refused(last.record, made)
    paper = _authorization(records, made)
    if isinstance(paper, Refused):
        return paper
    says = f"{by} asks to pay partner {partner_id} to an account ending in {account_number.last4}"
    event = Event(partner_id, "bank_change_asked", at, by, _HOLD, (made.id,), says)
    told = letters.bank_change_asked(made, partner=partner, at=at)
    change = Change(saves=(Save(made, NEW),), events=(event,), letters=told)
    records.commit(change + Change(relies_on=(paper.relied_on(),)))
    return made


def _same_or_refused(known: BankChange, made: BankChange) -> BankChange | Refused:
    """Give the change that waits, where what is asked for is the same to the last digit."""

    def wanted(one: BankChange) -> tuple[object, ...]:
        told = (one.routing_number, one.account_kind, one.authorization_id, one.asked_by)
        return (*told, one.account_number)

    if wanted(known) == wanted(made):
        return known
    because = f"change {known.id} of these bank details waits already: stop it first"
    return Refused(_HOLD, because, "change_waits")


def _authorization(records: Records, change: BankChange) -> Stored[PartnerDocument] | Refused:
    """Give the paper that allows payments to the new account (F05).

    One that is on file already was given for the account that is paid now.
    """
    stored = records.load(PartnerDocument, change.authorization_id)
    if (
        stored is None
        or stored.record.partner_id != change.partner_id
        or stored.record.kind is not DocumentKind.BANK_AUTHORIZATION
    ):
        because = "name the bank authorization for the new account, which was sent before"
        return Refused("F05", because, "authorization_missing")
    if stored.record.state is not DocumentState.WAITING:
        because = (
            f"document {stored.record.id} is {stored.record.state}: send a bank authorization for "
            "the new account"
        )
        return Refused("F05", because, "authorization_not_new")
    return stored


def _latest(records: Records, partner_id: str) -> tuple[int, Stored[BankChange] | None]:
    """Give the number of a partner's next change, and its latest one.

    Ids count up, so that of two who ask at once only one can write: an index would lag.
    """
    number, last = 0, None
    while True:
        found = records.load(BankChange, derived("BCH", partner_id, number))
        if found is None:
            return number, last
        number, last = number + 1, found


def bank_change(records: Records, change_id: str) -> Stored[BankChange]:
    """Give a change of bank details with its version.

    Raises:
        NotFound: there is none of that id.
    """
    return require(records.load(BankChange, change_id), "change of bank details", change_id)


def bank_changes_of(records: Records, partner_id: str) -> tuple[BankChange, ...]:
    """Give all changes of a partner's bank details, the oldest first; a new one may be late."""
    found = records.find(BankChange, by="partner_id", value=partner_id)
    return tuple(sorted((one.record for one in found), key=lambda one: (one.asked_at, one.id)))


def agree_bank_change(
    records: Records, *, change_id: str, at: datetime, by: str
) -> BankChange | Refused:
    """Agree to other bank details as the second person; the hold begins (D09, P-81)."""
    stored = bank_change(records, change_id)
    change = stored.record
    if change.agreed_by == by and change.state is not BankChangeState.REJECTED:
        return change
    if change.state is not BankChangeState.ASKED:
        return Refused(_HOLD, f"change {change_id} is {change.state} already", "conflict")
    if len({change.asked_by, by}) < TWO_PEOPLE.on(at.astimezone(UTC).date()):
        because = f"{by} asked for this, so somebody else agrees"
        return Refused(TWO_PEOPLE.id, because, "maker_is_checker")
    paper = _still_standing(records, change)
    if paper is None:
        because = f"the bank authorization of change {change_id} was withdrawn or refused"
        return Refused("F05", because, "authorization_missing")
    partner = require(records.load(Partner, change.partner_id), "partner", change.partner_id)
    counts_from = takes_effect(at)
    after = replace(
        change,
        agreed_by=by,
        agreed_at=at,
        takes_effect_at=counts_from,
        state=BankChangeState.AGREED,
    )
    says = f"{by} agreed: the account ending in {change.account_number.last4} counts after the hold"
    event = Event(change.partner_id, "bank_change_agreed", at, by, _HOLD, (change_id,), says)
    timer = Timer(_timer(change_id), change_id, BANK_CHANGE_DUE, counts_from)
    told = letters.bank_change_agreed(after, partner=partner.record, at=at)
    records.commit(
        Change(
            saves=(stored.replaced_by(after),),
            events=(event,),
            letters=told,
            timers=(timer,),
            relies_on=(paper.relied_on(),),
        )
    )
    return after


def reject_bank_change(
    records: Records, *, change_id: str, because: str, at: datetime, by: str
) -> BankChange | Refused:
    """Stop a change as the owner, before it counts (P-81): also one that was agreed to."""
    after = (BankChangeState.REJECTED, by, because.strip())
    return _stop(records, change_id, after, at)


def withdraw_bank_change(
    records: Records, *, change_id: str, because: str, at: datetime, by: str
) -> BankChange | Refused:
    """Stop a change as the partner, before it counts (P-81)."""
    after = (BankChangeState.WITHDRAWN, by, because.strip())
    return _stop(records, change_id, after, at)


def _stop(
    records: Records, change_id: str, end: tuple[BankChangeState, str, str], at: datetime
) -> BankChange | Refused:
    state, by, because = end
    stored = bank_change(records, change_id)
    change = stored.record
    if change.state is state:
        return change
    if change.state not in WAITING:
        return Refused(_HOLD, f"change {change_id} is {change.state} already", "conflict")
    if not because:
        return Refused(_HOLD, "stopping a change of bank details says why", "reason_missing")
    partner = require(records.load(Partner, change.partner_id), "partner", change.partner_id)
    after = replace(change, state=state, ended_by=by, because=because)
    says = f"the account ending in {change.account_number.last4} will not count: {because}"
    event = Event(change.partner_id, f"bank_change_{state}", at, by, _HOLD, (change_id,), says)
    told = letters.bank_change_stopped(after, partner=partner.record, at=at)
    records.commit(
        Change(
            saves=(stored.replaced_by(after),),
            events=(event,),
            letters=told,
            cancelled_timers=(_timer(change_id),),
        )
    )
    return after


def wake(records: Records, *, timer: Timer, at: datetime) -> None:
    """Hand a change whose hold is over to whoever may open its account (P-81).

    It is told every time that a timer rings; that it counts is decided there, once.

    Raises:
        BadInput: the timer is another stage's.
    """
    if timer.wakes not in WAKES:
        msg = f"timer {timer.id} wakes {timer.wakes!r}, which is not a change of bank details"
        raise BadInput(msg)
    records.commit(Change(messages=(_due(timer.subject, rings=timer.due_at, at=at),)))


def tell_bank_change_due(
    records: Records, *, change_id: str, at: datetime, by: str
) -> BankChange | Refused:
    """Hand a change over once more whose hold is over and that did not come to count (P-81).

    For a person who sees that its message was lost; telling twice lets it count once.
    """
    stored = bank_change(records, change_id)
    change = stored.record
    if change.state is BankChangeState.EFFECTIVE:
        return change
    if change.state is not BankChangeState.AGREED or change.takes_effect_at is None:
        return Refused(_HOLD, f"change {change_id} is {change.state}", "conflict")
    if at < change.takes_effect_at:
        return _too_early(change_id, change.takes_effect_at)
    says = f"{by} has change {change_id} of bank details applied, whose hold is over"
    event = Event(change.partner_id, "bank_change_told", at, by, _HOLD, (change_id,), says)
    message = _due(change_id, rings=at, at=at)
    records.commit(Change(events=(event,), messages=(message,), relies_on=(stored.relied_on(),)))
    return change


def _due(change_id: str, *, rings: datetime, at: datetime) -> Message:
    """Give the message that a hold is over; each ring has its own, as delivered ones are kept."""
    return Message(
        id=derived("MSG", change_id, BANK_CHANGE_DUE, rings.astimezone(UTC).isoformat()),
        topic=BANK_CHANGE_DUE,
        at=at,
        body={"change_id": change_id},
    )


def _too_early(change_id: str, counts_from: datetime) -> Refused:
    because = f"change {change_id} counts from {counts_from.isoformat()}"
    return Refused(_HOLD, because, "hold_not_over")


WAKES = frozenset({BANK_CHANGE_DUE})
"""The names of the timers that this stage answers to."""


def apply_bank_change(records: Records, *, change_id: str, at: datetime) -> BankChange | Refused:
    """Let agreed bank details count once their hold is over (P-81).

    Payments wait until the bank was asked about the account (a prenote). The authorization that
    names this account takes the place of the one before (F05); where it was withdrawn or refused
    meanwhile, the change is stopped instead. One that was stopped stays stopped, and applying again
    changes nothing.

    Raises:
        BrokenInvariant: the key that opens the account is not here.
    """
    stored = bank_change(records, change_id)
    change = stored.record
    if change.state is not BankChangeState.AGREED or change.takes_effect_at is None:
        return change
    if at < change.takes_effect_at:
        return _too_early(change_id, change.takes_effect_at)
    paper = _still_standing(records, change)
    if paper is None:
        because = "its bank authorization was withdrawn or refused before it counted"
        return _stop(records, change_id, (BankChangeState.REJECTED, BANK_CHANGE_DUE, because), at)
    known = require(records.load(Partner, change.partner_id), "partner", change.partner_id)
    partner = known.record
    after = replace(change, state=BankChangeState.EFFECTIVE)
    paid_to = replace(
        partner,
        routing_number=change.routing_number,
        account_number=Secret(change.account_number.value),
        account_kind=change.account_kind,
        bank_details_version=partner.bank_details_version + 1,
        bank_account_blocked=False,
        bank_authorization_on_file=True,
        prenote=Prenote.DUE,
        prenote_sent_on=None,
    )
    says = f"partner {partner.id} is paid to the account ending in {change.account_number.last4}"
    causes = (change_id, change.asked_by, change.agreed_by, change.authorization_id)
    event = Event(partner.id, "bank_change_effective", at, BANK_CHANGE_DUE, _HOLD, causes, says)
    told = letters.bank_change_effective(after, partner=partner, at=at)
    records.commit(
        Change(
            saves=(
                stored.replaced_by(after),
                known.replaced_by(paid_to),
                *taking_the_place(records, paper, at=at, by=change.agreed_by),
            ),
            events=(event,),
            letters=told,
        )
    )
    return after


def _still_standing(records: Records, change: BankChange) -> Stored[PartnerDocument] | None:
    """Give the authorization of a change unless it was withdrawn or refused since."""
    stored = records.load(PartnerDocument, change.authorization_id)
    if stored is None or stored.record.state in {DocumentState.WITHDRAWN, DocumentState.REFUSED}:
        return None
    return stored


def _timer(change_id: str) -> str:
    return derived("TMR", change_id, BANK_CHANGE_DUE)


# ---------------------------------------------------------------------- what the bank says
def apply_notification_of_change(
    records: Records,
    *,
    partner_id: str,
    code: str,
    at: datetime,
    routing_number: str = "",
    account_number: Secret | None = None,
    account_kind: AccountKind | None = None,
    bank_details_version: int | None = None,
) -> Partner | Refused:
    """Take over what the bank says is the right number, before the next payment (P-86).

    What is left out stays. The same notification again changes nothing. Refused, for a person to
    look at: a code that corrects nothing, a number that cannot be one, or, where the caller says
    which version of the details the bank speaks of, details that changed since.

    Raises:
        BadInput: nothing is corrected.
        BrokenInvariant: the key that opens the account is not here.
    """
    if not (routing_number or account_number or account_kind):
        msg = f"correcting bank details of partner {partner_id}: {code} corrects nothing: look up"
        raise BadInput(msg)
    on, rule = at.astimezone(UTC).date(), CORRECTED_BY_BANK.id
    if not corrects(code, on=on):
        return Refused(rule, f"{code} is not a correction that is taken over", "manual")
    stored = require(records.load(Partner, partner_id), "partner", partner_id)
    partner = stored.record
    routing = routing_number or partner.routing_number
    account = account_number or partner.account_number
    kind = account_kind or partner.account_kind
    wrong = wrong_bank_details(routing_number=routing, account_number=account_number, on=on)
    if wrong is not None:
        return wrong
    known = (partner.routing_number, partner.account_number.value, partner.account_kind)
    if known == (routing, account.value, kind):
        return partner
    if bank_details_version not in {None, partner.bank_details_version}:
        because = f"partner {partner_id}'s bank details changed since that payment: look at {code}"
        return Refused(rule, because, "details_changed_since")
    after = replace(
        partner,
        routing_number=routing,
        account_number=Secret(account.value),
        account_kind=kind,
        bank_details_version=partner.bank_details_version + 1,
    )
    says = f"the bank corrected partner {partner_id}'s details ({code}): ends in {account.last4}"
    event = Event(partner_id, "bank_details_corrected", at, BANK, rule, says=says)
    told = letters.bank_details_corrected(after, code=code, last4=account.last4, at=at)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=told))
    return after


def mark_prenote_sent(
    records: Records,
    *,
    partner_id: str,
    bank_details_version: int,
    on: date,
    at: datetime,
    by: str,
) -> Partner:
    """Note that the bank was asked about an account, to be settled on a day (D11 of funding).

    An account that changed since the question was written is still to be asked about.
    """
    stored = require(records.load(Partner, partner_id), "partner", partner_id)
    partner = stored.record
    if partner.prenote is not Prenote.DUE or partner.bank_details_version != bank_details_version:
        return partner
    after = replace(partner, prenote=Prenote.SENT, prenote_sent_on=on)
    says = f"the bank is asked about partner {partner_id}'s account, settled on {on}"
    event = Event(partner_id, "prenote_sent", at, by, "D11", says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def block_account(
    records: Records,
    *,
    partner_id: str,
    code: str,
    at: datetime,
    bank_details_version: int | None = None,
) -> Partner:
    """Pay no more to an account that the bank sent something back from, until it was changed.

    Where the caller says which version of the details the bank speaks of, a later one is not
    blocked.
    """
    stored = require(records.load(Partner, partner_id), "partner", partner_id)
    partner = stored.record
    is_another = bank_details_version not in {None, partner.bank_details_version}
    if partner.bank_account_blocked or is_another:
        return partner
    after = replace(partner, bank_account_blocked=True)
    says = f"nothing is paid to partner {partner_id}'s account any more: {code}"
    event = Event(partner_id, "bank_account_blocked", at, BANK, "D04", says=says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after
