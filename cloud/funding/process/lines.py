"""The lines of the bank's files: what a plan pays, and what is asked about an account."""

from cloud.funding import ach
from cloud.funding.models import RunPlan
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO
from cloud.portfolio.models import Partner

BANK_FILE_TYPE = "text/plain"
"""What a file of the bank's, or for it, is kept as."""
_LONGEST_NAME = 15
_PROGRAMMES = 4
"""Programmes that bank files have room for; each has its places and its modifiers."""
_TURNS = 2
"""Files of one kind that one programme may date for the same day: its run's, and a late run's."""
_RUN_FILES = 2 * _PROGRAMMES * _TURNS
"""Payments and questions have these modifiers of a day; reversals share the others."""
MOST_QUESTIONS = len(ach.PLACES[ach.FileKind.PRENOTES]) // _PROGRAMMES
"""Accounts that one file asks about; the others are asked about with the next run."""


def file_of_day(kind: ach.FileKind, sequence: int, place: int = 0) -> int:
    """Tell files of one day apart: by what they do, by programme, and a late run from the next.

    Banks take two files with one modifier for the same file. `sequence` is that of the run, and
    `place` that of the payment which a reversal calls back.
    """
    block, number = divmod(sequence, ach.BLOCK)
    turn = block % _PROGRAMMES * _TURNS + number % _TURNS
    if kind is ach.FileKind.REVERSALS:
        return _RUN_FILES + place % (len(ach.MODIFIERS) - _RUN_FILES)
    return turn if kind is ach.FileKind.PAYMENTS else _PROGRAMMES * _TURNS + turn


def receiver_name(partner_id: str) -> str:
    """Give what names a partner in a bank file: its id, or what stands for one that does not fit.

    Files know fifteen capitals; two ids that differ in what files do not know stay two.
    """
    fits = len(partner_id) <= _LONGEST_NAME and ach.transliterated(partner_id) == partner_id
    return partner_id if fits else derived("P", partner_id)


def credit_of(plan: RunPlan) -> ach.Credit:
    """Give the line that pays a plan; its addenda is the RMR segment of ANSI X12 820."""
    amount = f"{plan.net.cents // 100}.{plan.net.cents % 100:02d}"
    return ach.Credit(
        routing_number=plan.routing_number,
        account_number=plan.account_number.value,
        amount=plan.net,
        identification=receiver_name(plan.partner_id),
        name=plan.partner_name,
        account_kind=ach.AccountKind(plan.account_kind),
        note=f"RMR*IV*{plan.run_id}**{amount}\\",
    )


def asking(partner: Partner) -> ach.Credit:
    """Give the line that asks about a partner's account."""
    return ach.Credit(
        routing_number=partner.routing_number,
        account_number=partner.account_number.value,
        amount=ZERO,
        identification=receiver_name(partner.id),
        name=partner.name,
        account_kind=ach.AccountKind(partner.account_kind),
    )
