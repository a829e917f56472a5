"""The mailroom beyond the corpus: whose a mail is, who is told, and what a person decides."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.adapters.mime import read
from cloud.invoicing.models import Invoice
from cloud.kernel.change import Change
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound, Unavailable
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner
from cloud.portfolio.organisation import ServiceContact
from cloud.service import process
from cloud.service.mail import (
    IncomingMail,
    match,
    match_invoice,
    reply_address,
    thread_id,
    thread_of_address,
    thread_of_id,
)
from cloud.service.models import (
    Coordinator,
    Mail,
    MailState,
    Report,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.offer import AssignmentState
from cloud.service.process.mailroom import Parcel, discard, release, take_in
from cloud.service.process.releasing import MAIL_RELEASE, ask_release
from cloud.service.uploads import Scan, Upload, UploadState
from tests.cloud.service.mail_world import (
    ANOTHERS,
    FINISHED,
    MAILS,
    MONDAY,
    OFFERED,
    SECOND,
    SPENDING,
    TUESDAY,
    WORKING,
    Signatures,
    World,
    mail_from,
)

KEY = Signatures()


@pytest.fixture
def world():
    return World()


def corpus(name):
    return (MAILS / f"{name}.eml").read_bytes()


# ---------------------------------------------------------------------- threads
def test_an_address_to_answer_to_names_its_thread_and_proves_that_it_is_ours():
    address = reply_address("service@m.example", thread=OFFERED, signatures=KEY)
    assert address.startswith("service+wo-sunny00001.")
    assert thread_of_address(address, signatures=KEY) == OFFERED
    assert thread_of_address(address.upper(), signatures=KEY) == OFFERED
    forged = address.replace("sunny00001", "sunny00002")
    assert thread_of_address(forged, signatures=KEY) == ""
    for wrong in ("service@m.example", "service+wo-1.uuuuuuuu@m.example", "x", "", "a+b@c"):
        assert thread_of_address(wrong, signatures=KEY) == ""
    assert reply_address("s@m.example", thread="UTC-05.N35 x", signatures=KEY) == "s@m.example"
    assert reply_address("s@m.example", thread=OFFERED, signatures=None) == "s@m.example"


def test_a_thread_has_one_id_and_no_other_id_is_a_thread():
    assert thread_of_id(thread_id(OFFERED)) == OFFERED
    assert thread_of_id("<wo-1@attacker.example>") == ""
    assert thread_of_id("") == ""


@pytest.mark.rule("M-75")
@pytest.mark.parametrize(
    ("references", "hinted", "subject", "found"),
    [
        pytest.param(("<a>",), SECOND, f"[{SECOND}]", (OFFERED, "references"), id="all three"),
        pytest.param((), SECOND, f"[{OFFERED}]", (SECOND, "plus_token"), id="address and tag"),
        pytest.param((), "", f"[{OFFERED}]", (OFFERED, "subject_tag"), id="tag"),
        pytest.param(
            (), ANOTHERS, f"[{OFFERED}]", (OFFERED, "subject_tag"), id="another's address"
        ),
        pytest.param(("<z>",), "", "", (None, None), id="none"),
    ],
)
def test_the_stronger_hint_wins(references, hinted, subject, found):
    mail = IncomingMail("a@b.example", True, subject, "", references)
    answer = match(
        mail,
        partner_contacts=["a@b.example"],
        known_message_ids={"<a>": OFFERED},
        open_work_orders={OFFERED, SECOND},
        hinted=hinted,
    )
    assert (answer.work_order_id, answer.matched_by) == found
    nobody = match_invoice(
        replace(mail, is_authenticated=False),
        partner_contacts=["a@b.example"],
        open_work_orders={OFFERED},
        texts=[OFFERED],
    )
    assert nobody.work_order_id is None


def test_the_address_leads_to_the_thread_when_the_program_keeps_nothing_else(world):
    address = reply_address("service@mail.sunreeve.example", thread=OFFERED, signatures=KEY)
    record = world.take(mail_from("ACCEPT 0", to=address, references="", subject="yes"))
    assert (record.thread, record.matched_by) == (OFFERED, "plus_token")
    assert world.order().assignments[0].state is AssignmentState.ACCEPTED


def test_an_address_gives_a_stranger_nothing(world):
    address = reply_address("service@mail.sunreeve.example", thread=OFFERED, signatures=KEY)
    record = world.take(mail_from("DECLINE", to=address, references="", sender="x@else.example"))
    assert record.state is MailState.QUARANTINED


# ---------------------------------------------------------------------- whose it is
def test_a_partner_that_lost_the_work_is_told_so(world):
    process.decline(
        world.records, work_order_id=OFFERED, partner_id="orig", reason="x", at=MONDAY, by="x"
    )
    record = world.take(mail_from("ACCEPT 0"))
    assert record.readings[0].code == "conflict"
    assert "no longer" in record.readings[0].says or "declined" in record.readings[0].says


def test_two_partners_with_one_contact_are_told_apart_by_the_thread(world):
    stored = world.records.load(Partner, "other")
    shared = replace(stored.record, service_email="service@orig.example")
    world.records.commit(Change(saves=(stored.replaced_by(shared),)))
    record = world.take(mail_from("ACCEPT 0", thread=ANOTHERS))
    assert record.thread == ANOTHERS
    assert world.order(ANOTHERS).assignments[0].state is AssignmentState.ACCEPTED
    assert world.order(OFFERED).assignments[0].acknowledged_at is None


def test_a_former_contact_has_no_authority_any_more(world):
    stored = world.records.load(Partner, "orig")
    changed = replace(stored.record, service_email="new@orig.example")
    world.records.commit(Change(saves=(stored.replaced_by(changed),)))
    assert world.take(mail_from("ACCEPT 0")).state is MailState.QUARANTINED
    world.take(mail_from("ACCEPT 0", sender="new@orig.example"))
    assert world.order().assignments[0].state is AssignmentState.ACCEPTED


def test_a_delegate_speaks_for_the_coordinator_and_others_do_not(world):
    approve = {"thread": SPENDING, "body": "APPROVE $900.00"}
    world.save(
        Coordinator("spc_2", "Lou", "lou@owner.example"),
        Coordinator("spc_3", "Kim", "kim@owner.example"),
    )
    record = world.take(mail_from(**approve, sender="lou@owner.example"))
    assert record.state is MailState.QUARANTINED
    stored = world.records.load(Coordinator, "spc_1")
    delegated = replace(stored.record, delegate_id="spc_2")
    world.records.commit(Change(saves=(stored.replaced_by(delegated),)))
    record = world.take(mail_from(**approve, sender="lou@owner.example", number=2))
    assert record.readings[0].is_done
    (approval,) = world.order(SPENDING).spend_approvals
    assert (approval.by, approval.is_written, approval.max_total) == ("spc_2", True, Money(900_00))
    assert approval.at == TUESDAY
    record = world.take(mail_from(**approve, sender="kim@owner.example"))
    assert record.state is MailState.QUARANTINED


@pytest.mark.rule("I-62")
def test_an_approval_by_mail_is_in_writing_and_starts_the_clocks(world):
    assert world.order(SPENDING).state is WorkOrderState.AWAITING_SPEND
    world.take(corpus("spc-approves"))
    order = world.order(SPENDING)
    assert (order.state, order.work_authorized_at) == (WorkOrderState.ACCEPTED, TUESDAY)


# ---------------------------------------------------------------------- what is done
@pytest.mark.rule("S-20b")
@pytest.mark.parametrize("body", ["Who is this?", "CALLED nobody", "VISIT soon", "ACKNOWLEDGE"])
def test_the_first_authentic_answer_acknowledges_whatever_it_says(world, body):
    world.take(mail_from(body))
    current = world.order().assignments[0]
    assert (current.acknowledged_at, current.state) == (TUESDAY, AssignmentState.OFFERED)
    world.take(mail_from("again", number=2), at=TUESDAY + timedelta(hours=1))
    assert world.order().assignments[0].acknowledged_at == TUESDAY


def test_an_answer_counts_from_when_it_came_not_from_when_it_was_read(world):
    record = world.take(mail_from("ACCEPT 0"), at=TUESDAY)
    assert record.at == TUESDAY
    assert world.order().assignments[0].answered_at == TUESDAY


def test_a_crash_between_the_commands_and_the_record_is_finished(world):
    raw = corpus("accept-then-call-then-visit")
    first = world.take(raw)
    order, letters = world.order(), sorted(world.records.letters)
    key = next(k for k in world.records._records if k == (Mail, first.id))
    del world.records._records[key]
    again = world.take(raw)
    assert again.readings == first.readings
    assert world.order() == order
    assert sorted(world.records.letters) == letters


def test_words_go_to_the_coordinator_with_the_names_of_the_files(world):
    world.take(corpus("winmail"))
    (letter,) = world.letters_to("spc@owner.example")
    assert "Report attached." in letter.text
    assert "winmail.dat" in letter.text
    (answer,) = world.letters_to("service@orig.example")
    assert "PDF or JPEG" in answer.text


def test_a_coordinators_words_go_to_the_partner(world):
    world.take(corpus("spc-asks-partner"))
    (letter,) = world.letters_to("service@orig.example")
    assert "Why is a new inverter needed?" in letter.text


def test_words_nobody_is_there_for_wait_for_a_person(world):
    stored = world.records.load(WorkOrder, OFFERED)
    nobody = replace(stored.record, spc_id="spc_queue")
    world.records.commit(Change(saves=(stored.replaced_by(nobody),)))
    record = world.take(corpus("gmail-question"))
    assert record.state is MailState.FOR_A_PERSON


def test_a_day_of_a_pause_begins_when_business_opens(world):
    world.take(corpus("works-pause-weather"))
    (pause,) = world.order(WORKING).pauses
    assert pause.since == TUESDAY - timedelta(hours=2)
    assert pause.evidence == "NWS storm warning 123"


def test_a_visit_is_told_of_step_by_step(world):
    body = "VISIT 2026-06-09 11:00 to 12:00 TECHNICIAN Ann Lee"
    assert world.take(mail_from(body, thread=WORKING)).readings[0].is_done
    noon = TUESDAY + timedelta(hours=2)
    world.take(mail_from("ARRIVED 2026-06-09 11:05", thread=WORKING, number=2), at=noon)
    assert world.order(WORKING).state is WorkOrderState.ON_SITE
    left = mail_from("DEPARTED 2026-06-09 11:50 not finished", thread=WORKING, number=3)
    record = world.take(left, at=noon)
    assert record.readings[0].is_done, record.readings
    (visit,) = world.order(WORKING).visits
    assert visit.departed_at == TUESDAY + timedelta(hours=1, minutes=50)
    assert visit.is_finished is False


def test_a_finished_visit_waits_for_its_report_which_tells_of_exchanged_parts(world):
    noon = TUESDAY + timedelta(hours=2)
    for number, body in enumerate(
        (
            "ARRIVED 2026-06-09 11:05 technician Ann Lee",
            "DEPARTED 2026-06-09 11:50 finished",
            "REPORT\nSummary: new inverter\nDeparted at: 2026-06-09 11:50\nOld serial: A1",
        )
    ):
        record = world.take(mail_from(body, thread=WORKING, number=number), at=noon)
        assert record.readings[0].is_done is (number < 2), record.readings
    assert "rma new serial missing" in record.readings[0].says


def test_a_photo_of_a_kind_that_is_not_taken_is_told_of(world):
    heic = (
        b"--b1\nContent-Type: image/heic; name=found-2.heic\n"
        b"Content-Disposition: attachment; filename=found-2.heic\n\n\x00\x00\x00\x18ftypheic\n"
    )
    record = world.take(corpus("works-report-photos").replace(b"--b1--", heic + b"--b1--"))
    assert record.readings[0].is_done
    assert "Not taken: found-2.heic" in record.readings[0].says


def test_a_question_is_open_until_the_coordinator_answers_it(world):
    record = world.take(mail_from("QUESTION may we come on Saturday?"))
    assert record.readings[0].is_done
    order = world.order()
    assert len(order.open_questions) == 1
    assert order.assignments[0].acknowledged_at == TUESDAY
    (letter,) = world.letters_to("spc@owner.example")
    assert "Saturday" in letter.text


def test_a_coordinators_question_goes_to_the_partner(world):
    asked = mail_from("QUESTION why so much?", thread=SPENDING, sender="spc@owner.example")
    assert world.take(asked).state is MailState.FILED
    (letter,) = world.letters_to("service@orig.example")
    assert "why so much?" in letter.text


def test_a_coordinator_rejects_by_mail(world):
    refuse = {"thread": SPENDING, "sender": "spc@owner.example"}
    record = world.take(mail_from("REJECT", **refuse))
    assert record.readings[0].code == "reason_missing"
    record = world.take(mail_from("REJECT: repair it instead", **refuse, number=2))
    assert record.readings[0].is_done
    assert world.order(SPENDING).state is WorkOrderState.SPEND_REJECTED


def test_a_report_by_mail_takes_its_photos_by_the_road_of_all_evidence(world):
    world.take(corpus("works-report-photos"))
    report = world.records.load(Report, world.order(WORKING).report_id).record
    found, departed = report.content.as_found.photos, report.content.as_departed.photos
    assert (len(found), len(departed), report.content.form) == (1, 1, "email")
    upload = world.records.load(Upload, found[0].removeprefix("upload:")).record
    assert (upload.state, upload.work_order_id) == (UploadState.KEPT, WORKING)
    assert world.documents.get(upload.evidence)


def test_a_photo_that_is_still_scanned_brings_the_mail_back_later(world):
    keys: dict[str, bytes] = {}

    class Slow(dict):
        def get(self, key, default=None):
            keys[key] = b""
            return Scan.PENDING if is_pending else default

    is_pending = True
    world.desk.said = Slow()
    with pytest.raises(Unavailable):
        world.take(corpus("works-report-photos"))
    assert keys
    is_pending = False
    record = world.take(corpus("works-report-photos"))
    assert record.readings[0].is_done


def test_all_photos_of_a_mail_are_scanned_beside_each_other(world):
    class FromTheSecondLook(dict):
        def get(self, key, default=None):
            seen = key in self
            self[key] = Scan.CLEAN
            return Scan.CLEAN if seen else Scan.PENDING

    world.desk.said = FromTheSecondLook()
    with pytest.raises(Unavailable, match=r"found-1\.jpg, .+ still being scanned"):
        world.take(corpus("works-report-photos"))
    assert world.take(corpus("works-report-photos")).readings[0].is_done


def test_a_picture_that_cannot_be_read_is_told_of(world):
    before, photo, after = corpus("works-report-photos").partition(b"\n\n/9j/")
    raw = before + photo + after[:72] + after[after.index(b"\n\n--b1") :]
    record = world.take(raw)
    assert record.readings[0].code == "report_incomplete"
    assert "Not taken: found-1.jpg" in record.readings[0].says


def test_a_dispute_of_nothing_is_told_so(world):
    record = world.take(mail_from("DISPUTE it was hail", thread=FINISHED))
    assert record.readings[0].word == "DISPUTE"
    assert not record.readings[0].is_done


def test_a_finding_is_disputed_by_mail(world):
    stored = world.records.load(WorkOrder, FINISHED)
    process.record_finding(
        world.records,
        work_order_id=stored.record.id,
        cause=type(stored.record.cause).WORKMANSHIP,
        evidence="photo",
        at=MONDAY + timedelta(hours=4),
        by="spc_1",
    )
    record = world.take(mail_from("DISPUTE finding: it was hail", thread=FINISHED))
    assert record.readings[0].is_done, record.readings


def test_an_invoice_sent_twice_in_two_mails_is_one(world):
    world.take(corpus("invoice-good"))
    record = world.take(corpus("invoice-number-only-in-body"))
    assert record.readings[0].is_done
    assert len(world.records.find(Invoice, by="work_order_id", value=FINISHED)) == 1


def test_two_papers_are_not_guessed_between(world):
    name = "invoice-pdf"
    mail = read(corpus(name))
    text = "Invoice number: 1\nWork order: WO-DONE000001"
    papers = (text, text.replace("1\n", "2\n"))
    parcel = Parcel(mail, "mail/in/9", lambda: papers, TUESDAY)
    record = take_in(world.room, parcel)
    assert [one.code for one in record.readings] == ["unclear"]


# ---------------------------------------------------------------------- loops and floods
@pytest.mark.rule("M-77")
def test_two_programs_that_answer_each_other_come_to_an_end(world):
    states = []
    for number in range(14):
        raw = mail_from(f"Thank you for mail {number}", number=number)
        states.append(world.take(raw, at=TUESDAY + timedelta(minutes=number)).state)
    answers = [one for one in world.letters_to("service@orig.example") if "was read" in one.text]
    assert len(answers) == 10
    assert states == [MailState.FILED] * 10 + [MailState.FOR_A_PERSON] * 4
    later = world.take(mail_from("hello", number=99), at=TUESDAY + timedelta(days=2))
    assert later.state is MailState.FILED


def test_a_flood_of_forged_mails_tells_the_coordinator_once_a_day(world):
    forged = corpus("spoofed-spf-fail")
    for number in range(5):
        world.take(forged.replace(b"ACCEPT 0", b"ACCEPT %d" % number))
    told = world.letters_to("spc@owner.example")
    assert len(told) == 1
    assert world.letters_to("service@orig.example") == []


# ---------------------------------------------------------------------- what comes back
@pytest.mark.rule("S-20")
@pytest.mark.parametrize(
    "name", ["bounce-permanent", "bounce-by-message-id", "bounce-whole-mail-returned"]
)
@pytest.mark.parametrize("is_delivered", [False, True])
def test_a_mail_about_a_bounce_voids_no_clock_that_runs(world, name, is_delivered):
    if not is_delivered:
        world.undeliver()
    before = world.order()
    record = world.take(corpus(name))
    assert record.thread == OFFERED
    order = world.order()
    if is_delivered:
        assert (record.state, order) == (MailState.FOR_A_PERSON, before)
    else:
        assert (record.state, order.task) == (MailState.BOUNCE, Task.CORRECT_CONTACT)
        assert order.state is WorkOrderState.CONTACT_FAILED
        contact = world.records.load(ServiceContact, "orig").record
        assert contact.bounced_at == TUESDAY


# ---------------------------------------------------------------------- papers
@pytest.mark.parametrize(
    ("sender", "to", "is_read"),
    [
        ("service@orig.example", "invoices@mail.sunreeve.example", True),
        ("service@orig.example", "service@mail.sunreeve.example", False),
        ("x@stranger.example", "invoices@mail.sunreeve.example", False),
    ],
)
def test_papers_are_read_only_for_who_may_send_an_invoice(world, sender, to, is_read):
    asked = []

    def papers():
        asked.append(to)
        return ()

    mail = read(mail_from("here it is", sender=sender, to=to))
    take_in(world.room, Parcel(mail, "mail/in/7", papers, TUESDAY))
    assert bool(asked) is is_read


# ---------------------------------------------------------------------- what a person decides
def vouched(mail, at=TUESDAY):
    return {
        "mail_id": mail.id,
        "work_order_id": OFFERED,
        "partner_id": "orig",
        "at": at,
        "by": "spc_1",
    }


def give_to_other(world, offered_at):
    stored = world.records.load(WorkOrder, OFFERED)
    order = stored.record
    offer = replace(order.assignments[0], partner_id="other", offered_at=offered_at)
    given = replace(order, partner_id="other", assignments=(*order.assignments, offer))
    world.records.commit(Change(saves=(stored.replaced_by(given),)))


def test_a_person_releases_what_was_put_aside(world):
    raw = corpus("spoofed-no-policy")
    aside = world.take(raw)
    parcel = Parcel(read(raw), aside.raw, tuple, aside.at)
    later = TUESDAY + timedelta(hours=3)
    facts = vouched(aside, at=later)
    record = release(world.room, parcel, **facts)
    assert isinstance(record, Mail)
    assert (record.id, record.state, record.decided_by) == (aside.id, MailState.RELEASED, "spc_1")
    taken = world.order().assignments[0]
    assert (taken.state, taken.answered_at) == (AssignmentState.ACCEPTED, TUESDAY)
    again = release(world.room, parcel, **facts)
    assert isinstance(again, Refused)
    assert again.code == "conflict"


def test_a_mail_is_released_to_nobody_where_nobody_has_the_work(world):
    raw = corpus("unknown-sender")
    aside = world.take(raw)
    stored = world.records.load(WorkOrder, OFFERED)
    world.records.commit(
        Change(saves=(stored.replaced_by(replace(stored.record, partner_id=None)),))
    )
    parcel = Parcel(read(raw), aside.raw, tuple, aside.at)
    assert isinstance(release(world.room, parcel, **vouched(aside)), Refused)
    asked = {"mail_id": aside.id, "work_order_id": OFFERED, "at": TUESDAY, "by": "spc_1"}
    assert isinstance(ask_release(world.records, **asked), Refused)


@pytest.mark.parametrize("is_reassigned", [False, True])
def test_a_mail_speaks_only_for_whom_the_person_vouched(world, is_reassigned):
    raw = corpus("spoofed-no-policy")
    aside = world.take(raw)
    facts = {"mail_id": aside.id, "work_order_id": OFFERED, "at": TUESDAY, "by": "spc_1"}
    assert ask_release(world.records, **facts) == aside
    (message,) = [one for one in world.records.messages.values() if one.topic == MAIL_RELEASE]
    assert message.body["partner_id"] == "orig"
    if is_reassigned:
        give_to_other(world, MONDAY)
    before = world.order()
    parcel = Parcel(read(raw), aside.raw, tuple, aside.at)
    answer = release(world.room, parcel, **facts, partner_id=message.body["partner_id"])
    assert isinstance(answer, Refused) is is_reassigned
    assert (world.order() == before) is is_reassigned


def test_a_mail_from_before_the_offer_is_nobodys_word_on_it(world):
    aside = world.take(corpus("spoofed-no-policy"))
    give_to_other(world, TUESDAY + timedelta(seconds=1))
    facts = {"mail_id": aside.id, "work_order_id": OFFERED, "at": TUESDAY, "by": "spc_1"}
    answer = ask_release(world.records, **facts)
    assert isinstance(answer, Refused)
    assert "before" in answer.because


def test_what_was_read_is_not_released(world):
    stored = world.records.load(WorkOrder, OFFERED)
    nobody = replace(stored.record, spc_id="spc_queue")
    world.records.commit(Change(saves=(stored.replaced_by(nobody),)))
    read_once = world.take(corpus("gmail-question"))
    assert read_once.state is MailState.FOR_A_PERSON
    facts = {"mail_id": read_once.id, "work_order_id": OFFERED, "at": TUESDAY, "by": "spc_1"}
    assert isinstance(ask_release(world.records, **facts), Refused)
    parcel = Parcel(read(corpus("gmail-question")), read_once.raw, tuple, read_once.at)
    assert isinstance(release(world.room, parcel, **vouched(read_once)), Refused)
    discard(world.records, mail_id=read_once.id, reason="read", at=TUESDAY, by="spc_1")


def test_a_person_discards_what_was_put_aside(world):
    aside = world.take(corpus("unknown-sender"))
    facts = {"mail_id": aside.id, "reason": "spam", "at": TUESDAY, "by": "spc_1"}
    record = discard(world.records, **facts)
    assert (record.state, record.says) == (MailState.DISCARDED, "spam")
    assert discard(world.records, **facts) == record
    filed = world.take(corpus("gmail-accept"))
    refused = discard(world.records, **{**facts, "mail_id": filed.id})
    assert isinstance(refused, Refused)
    with pytest.raises(NotFound):
        discard(world.records, **{**facts, "mail_id": "MAIL-NONE"})
