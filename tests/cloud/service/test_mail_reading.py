"""The grammar of mails: forgiving in form, strict in meaning, and no guess at money or time."""

import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.kernel.money import Money
from cloud.service import mail_reading
from cloud.service.mail_letters import how_to_answer
from cloud.service.mail_reading import (
    Accept,
    Acknowledge,
    ApproveSpend,
    Arrived,
    AskForSpend,
    Called,
    Decline,
    Departed,
    DisputeIt,
    Note,
    PauseSince,
    Question,
    RejectSpend,
    Resume,
    Unclear,
    VisitAt,
    WrittenInvoice,
    WrittenReport,
    commands_in,
    invoice_in,
    is_invoice,
    reply_of,
)

EASTERN = ZoneInfo("America/New_York")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


TEN, NOON = utc(2026, 6, 15, 14), utc(2026, 6, 15, 16)
VISIT = VisitAt(TEN, NOON, "Ann Lee")

SAID = [
    ("received", (Acknowledge(),)),
    ("ACKNOWLEDGED.", (Acknowledge(),)),
    ("Accept", (Accept(None),)),
    ("accepted, thanks!", (Accept(None),)),
    ("ACCEPT $450", (Accept(Money(450_00)),)),
    ("ACCEPT 450.05", (Accept(Money(450_05)),)),
    ("ACCEPT: estimate of $1,234.50.", (Accept(Money(1234_50)),)),
    ("accept 0", (Accept(Money(0)),)),
    ("- accept 0", (Accept(Money(0)),)),
    ("1. accept 0\n2. called sms ok", (Accept(Money(0)), Called("sms", "ok"))),
    ("**ACCEPT** 0", (Accept(Money(0)),)),
    ("Hi Sam,\n\naccept 0\n\nBest,\nPat", (Accept(Money(0)),)),
    ("accept 0\nIs a ladder there?", (Accept(Money(0)), Note("Is a ladder there?"))),
    ("DECLINE too far", (Decline("too far"),)),
    ("Declined - because: too far", (Decline("too far"),)),
    ("CALLED homeowner by phone, no answer", (Called("phone", "no answer"),)),
    ("called e-mail: sent a message", (Called("email", "sent a message"),)),
    ("VISIT 2026-06-15 10:00 to 12:00 TECHNICIAN Ann Lee", (VISIT,)),
    ("Visit on 6/15/2026, 10am-12pm, technician: Ann Lee.", (VISIT,)),
    ("Scheduled Monday, June 15, 2026 from 10:00 am to 12 p.m. with technician Ann Lee", (VISIT,)),
    ("ARRIVED", (Arrived(None),)),
    ("Arrived at 2026-06-15 10:00", (Arrived(TEN),)),
    ("ARRIVED technician Bob", (Arrived(None, "Bob"),)),
    ("arrived 2026-06-15 10:00, technician: Bob Ray.", (Arrived(TEN, "Bob Ray"),)),
    ("DEPARTED June 15, 2026 at 12:00 pm, done", (Departed(NOON, is_finished=True),)),
    ("departed finished", (Departed(None, is_finished=True),)),
    ("Departed 2026-06-15 10:00 - not finished.", (Departed(TEN, is_finished=False),)),
    (
        "PAUSE weather since 2026-06-15 evidence storm",
        (PauseSince("weather", date(2026, 6, 15), None, "storm"),),
    ),
    (
        "Pause equipment_shipping_delay since: 2026-06-15 10:00, because: UPS 1Z",
        (PauseSince("equipment_shipping_delay", date(2026, 6, 15), TEN, "UPS 1Z"),),
    ),
    ("pause weather since 2026-06-15", (PauseSince("weather", date(2026, 6, 15), None, ""),)),
    ("RESUME homeowner", (Resume("homeowner_unresponsive"),)),
    ("APPROVE up to $900.00", (ApproveSpend(Money(900_00)),)),
    ("Rejected: repair it instead", (RejectSpend("repair it instead"),)),
    ("REQUEST approval for $900", (AskForSpend(Money(900_00)),)),
    ("DISPUTE it was hail", (DisputeIt("it was hail"),)),
    ("QUESTION may we come?\non Sunday", (Question("may we come?\non Sunday"),)),
    ("Report attached.", (Note("Report attached."),)),
    ("Invoices are fine", (Note("Invoices are fine"),)),
    ("We accept", (Note("We accept"),)),
    ("Accepting is hard", (Note("Accepting is hard"),)),
    ("", ()),
    ("\n \n", ()),
]


@pytest.mark.parametrize(("text", "commands"), SAID, ids=[text[:40] or "-" for text, _ in SAID])
def test_what_a_mail_says(text, commands):
    assert commands_in(text, zone=EASTERN) == commands


UNCLEAR = [
    ("accept 450 or so", "ACCEPT"),
    ("accept -5", "ACCEPT"),
    ("accept $-5.00", "ACCEPT"),
    ("accept 450.5", "ACCEPT"),
    ("accept 4,50", "ACCEPT"),
    ("accept 450 dollars", "ACCEPT"),
    ("accept 1e3", "ACCEPT"),
    ("accept \u0664\u0665\u0660", "ACCEPT"),
    ("accept $450 $500", "ACCEPT"),
    ("received with thanks, but see below", "ACKNOWLEDGE"),
    ("decline", "DECLINE"),
    ("decline because", "DECLINE"),
    ("called", "CALLED"),
    ("called Bob", "CALLED"),
    ("called phone", "CALLED"),
    ("visit tomorrow", "VISIT"),
    ("visit 2026-06-15 10:00 to 12:00", "VISIT"),
    ("visit 2026-06-15 12:00 to 10:00 technician Ann", "VISIT"),
    ("visit 2026-02-30 10:00 to 12:00 technician Ann", "VISIT"),
    ("visit 2026-06-15 25:00 to 26:00 technician Ann", "VISIT"),
    ("visit 2026-06-15 2:00 to 4:00 technician Ann", "VISIT"),
    ("visit 2026-06-15 10 to 12 technician Ann", "VISIT"),
    ("visit 15.06.2026 10:00 to 12:00 technician Ann", "VISIT"),
    ("visit 06/15/26 10:00 to 12:00 technician Ann", "VISIT"),
    ("visit 2026-03-08 02:30 to 12:00 technician Ann", "VISIT"),
    ("visit 2026-11-01 01:30 to 12:00 technician Ann", "VISIT"),
    ("visit 2026-06-15 13 pm to 14 pm technician Ann", "VISIT"),
    ("visit xyz 15, 2026 10:00 to 12:00 technician Ann", "VISIT"),
    ("arrived 2026-06-15 10:60", "ARRIVED"),
    ("arrived late", "ARRIVED"),
    ("arrived 10:00", "ARRIVED"),
    ("departed", "DEPARTED"),
    ("departed 2026-06-15 10:00", "DEPARTED"),
    ("departed soon finished", "DEPARTED"),
    ("pause", "PAUSE"),
    ("pause rain since 2026-06-15 evidence x", "PAUSE"),
    ("pause weather since yesterday evidence x", "PAUSE"),
    ("resume work", "RESUME"),
    ("approve", "APPROVE"),
    ("approve it", "APPROVE"),
    ("approve 0", "APPROVE"),
    ("request more", "REQUEST"),
    ("dispute", "DISPUTE"),
    ("question", "QUESTION"),
    ("report", "REPORT"),
    ("report\nSummary: a\nSummary: b", "REPORT"),
    ("invoice\nlabor $25 soon", "INVOICE"),
    ("invoice\nInvoice number: 1\nInvoice number: 2", "INVOICE"),
    ("invoice\nTotal: 300", None),
]


@pytest.mark.parametrize(("text", "word"), UNCLEAR, ids=[text[:40] for text, _ in UNCLEAR])
def test_what_is_not_clear_is_not_guessed(text, word):
    (found,) = commands_in(text, zone=EASTERN)
    if word is None:
        assert found == WrittenInvoice(total=Money(300_00))
        return
    assert isinstance(found, Unclear)
    assert found.word == word
    assert found.because
    assert found.example == mail_reading.EXAMPLES[word]


def test_what_is_not_clear_ends_the_reading():
    found = commands_in("accept maybe\ndecline too far", zone=EASTERN)
    assert [type(one) for one in found] == [Unclear]


def test_a_mail_has_at_most_so_many_commands():
    found = commands_in("accept 0\n" * 100, zone=EASTERN)
    assert sum(isinstance(one, Accept) for one in found) == mail_reading.MAX_COMMANDS


def test_every_example_that_we_show_reads_as_its_command():
    for word, example in mail_reading.EXAMPLES.items():
        if word in {"REPORT", "INVOICE"}:
            continue
        (found,) = commands_in(example, zone=EASTERN)
        assert not isinstance(found, Unclear), example
    for line in how_to_answer().split("\n"):
        example = line.strip().partition(": ")[0]
        (found,) = commands_in(example, zone=EASTERN)
        assert not isinstance(found, Unclear), example
    assert len(how_to_answer().split("\n")) == 6


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read(text):
    commands_in(text, zone=EASTERN)
    reply_of(text)
    invoice_in(text, zone=EASTERN)


@given(st.sampled_from(sorted(mail_reading.EXAMPLES)), st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_a_command_with_anything_after_it_is_read(word, text):
    commands_in(f"{word} {text}", zone=EASTERN)


@given(st.integers(0, 10**8))
@settings(deadline=None)
def test_an_amount_is_read_as_it_is_printed(cents):
    (found,) = commands_in(f"ACCEPT {Money(cents)}", zone=EASTERN)
    assert found == Accept(Money(cents))


@pytest.mark.parametrize(
    "text",
    [
        "accept " + "!" * 100_000 + "x",
        "*" * 100_000 + "x",
        "visit " + "1 " * 50_000,
        "pause " + "x since " * 20_000,
        "On " + "x " * 100_000,
        "On x\n" * 20_000,
        "From: x\n" * 20_000,
        "decline " + "a" * 200_000,
        "invoice\n" + "labor $1 " + "2026-06-15 " * 20_000,
        "hi " * 60_000,
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text):
    began = time.process_time()
    commands_in(reply_of(text), zone=EASTERN)
    invoice_in(text, zone=EASTERN)
    assert time.process_time() - began < 3


# ---------------------------------------------------------------------- what was there before
REPLIES = [
    ("yes\n\nOn Mon, Jun 8, 2026 at 9:00 AM A <a@b> wrote:\n> no", "yes"),
    ("yes\n\nOn Mon, Jun 8, 2026 at 9:00 AM Aftermarket Service\n<a@b> wrote:\n\n> no", "yes"),
    ("yes\n\nOn Mon, Jun 8, Aftermarket\nService of the Owner <a@b>\nwrote:\n> no", "yes"),
    ("On Monday A wrote:\n> q\n\nyes", "yes"),
    ("> q\nyes\n> r\nno", "yes\nno"),
    ("yes\n\nFrom: A <a@b>\nSent: Monday\nTo: C\nSubject: D\n\nno", "yes"),
    ("yes\n\n*From:* A\n*Date:* Monday\n*To:* C\n\nno", "yes"),
    ("yes\n-----Original Message-----\nno", "yes"),
    ("yes\nBegin forwarded message:\nno", "yes"),
    ("yes\n________________________________\nno", "yes"),
    ("yes\n-- \nPat", "yes"),
    ("yes\nSent from my iPhone", "yes"),
    ("yes\nGet Outlook for Android", "yes"),
    ("From: the roof we saw it.\nIt was broken.", "From: the roof we saw it.\nIt was broken."),
    ("On Monday we come.", "On Monday we come."),
    ("-- \nPat\nyes", "-- \nPat\nyes".replace("-- ", "--")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reply"), REPLIES, ids=[text[:30] for text, _ in REPLIES])
def test_what_the_sender_wrote(text, reply):
    assert reply_of(text) == reply


# ---------------------------------------------------------------------- reports and invoices
def test_a_report_is_read_section_by_section():
    (found,) = commands_in(
        "REPORT\nAs arrived: dead\nlamp red\nAs left: fine\nSummary: new inverter\n"
        "Root-cause: surge\nDeparted at: 2026-06-15 12:00\nRMA old: A1\nRMA new: B2\n"
        "Old serial: A2\nOEM case number: 77\nRMA by: Partner\n\nThanks,\nPat",
        zone=EASTERN,
    )
    assert found == WrittenReport(
        sections={
            "as_found": "dead\nlamp red",
            "as_departed": "fine",
            "summary": "new inverter",
            "root_cause": "surge",
        },
        departed_at=NOON,
        parts=(("A1", "B2"), ("A2", "")),
        oem_case="77",
        rma_by="partner",
    )


def test_an_invoice_is_read_line_by_line():
    text = (
        "Invoice #: 7\nCustomer: Ann\nSite address: 1 St\nWork order number: [wo-1]\n"
        "Service dates: 2026-06-15, 6/16/2026\nDescription: mended\nthe string\n"
        "Labour: $250 2026-06-15 10:00 roof\nmaterial 45.50 June 15, 2026 12:00 pm\n"
        "Travel was long\nTotal: $295.50"
    )
    assert is_invoice(text)
    found = invoice_in(text, zone=EASTERN)
    assert isinstance(found, WrittenInvoice)
    assert (found.number, found.work_order, found.total) == ("7", "WO-1", Money(295_50))
    assert found.service_dates == (date(2026, 6, 15), date(2026, 6, 16))
    assert found.description == "mended\nthe string"
    lines = [(one.category, one.amount.cents, one.performed_at) for one in found.lines]
    assert lines == [("labor", 250_00, TEN), ("materials", 45_50, NOON)]
    assert not is_invoice("Our invoice follows")
