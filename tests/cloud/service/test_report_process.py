"""A report from its draft to its proof: handed in, returned, corrected, held against readings."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader

from cloud.adapters import report_pdf
from cloud.adapters.memory import MemoryChunks
from cloud.kernel.change import Change, Save, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict, NotFound
from cloud.portfolio.organisation import Device, Equipment
from cloud.service import process
from cloud.service.models import (
    Case,
    Coordinator,
    Incomplete,
    Report,
    ReportDraft,
    ReportState,
    ReportTask,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.process import reporting
from cloud.service.process.showing import own_report_document, report_document
from cloud.service.report import Condition, ExchangedPart, Rma, SerialState, VisitReport
from cloud.service.report_sheet import Copy
from cloud.service.uploads import Purpose
from cloud.telemetry.ports import StoredChunk
from tests.cloud.service.report_world import SITE, World, a_paper, a_photo, announced, at

HOUR = timedelta(hours=1)
LEFT = at("2026-06-09T12:00")
SENT = at("2026-06-09T14:00")


@pytest.fixture
def world():
    made = World()
    made.accept()
    return made


@pytest.fixture
def content(world):
    """A complete report with two real photos."""
    found = world.uploaded(a_photo("red"))
    left = world.uploaded(a_photo("green"), purpose=Purpose.PHOTO_DEPARTED)
    return VisitReport(
        form="pdf",
        as_found=Condition("offline", (found.reference,)),
        as_departed=Condition("producing", (left.reference,)),
        summary="replaced a connector",
        root_cause="a loose connector",
    )


def exchange(content, *parts, by="owner", oem=""):
    return replace(content, rma=Rma(by, parts, oem))


def submit(world, content, *, who="orig", when=SENT, left=LEFT):
    return process.submit_report(
        world.records,
        work_order_id=world.number,
        partner_id=who,
        content=content,
        departed_at=left,
        at=when,
        by=f"{who}:jo",
    )


def give_back(world, *reasons, when=SENT + HOUR):
    return process.return_report(
        world.records, work_order_id=world.number, reasons=reasons, at=when, by="sam.spc"
    )


def draft(world, content, *, who="orig", when=SENT):
    return process.save_draft(
        world.records,
        work_order_id=world.number,
        partner_id=who,
        content=content,
        departed_at=None,
        at=when,
        by=f"{who}:jo",
    )


def loaded(world, report) -> Report:
    return world.records.load(Report, report.id).record


def happened(world):
    return [event.what for event in world.records.history(world.number)]


def everything(world):
    records = world.records
    history = {subject: list(log) for subject, log in records._history.items()}
    letters, timers = dict(records.letters), dict(records.timers)
    return dict(records._records), history, letters, timers


# ---------------------------------------------------------------------- handing in
@pytest.mark.rule("P-70")
@pytest.mark.rule("P-71")
def test_a_report_with_real_photos_completes_the_work_order(world, content):
    report = submit(world, content)
    assert isinstance(report, Report)
    assert (report.version, report.state) == (1, ReportState.SUBMITTED)
    order = world.order
    assert (order.state, order.report_id) == (WorkOrderState.COMPLETED, report.id)
    assert (order.departed_at, order.reported_at) == (LEFT, SENT)
    before = everything(world)
    assert submit(world, content, when=SENT + HOUR) == report
    assert everything(world) == before


@pytest.mark.rule("P-71")
def test_a_visit_that_is_not_over_and_work_that_is_not_taken_are_not_reported(world, content):
    early = submit(world, content, left=SENT + HOUR)
    assert (early.code, early.rule) == ("departed_in_the_future", "P-71")
    other = World()
    answer = submit(other, content)
    assert (answer.code, answer.rule) == ("conflict", "R-44")
    assert other.order.report_id is None


def goes(world, *visits):
    """Have visits made, each from an arrival to a departure, or to none while it lasts."""
    for came, left, is_finished in visits:
        who = {"work_order_id": world.number, "partner_id": "orig", "by": "orig:jo"}
        arrival = {"arrived_at": at(came), "at": at(came), "technician": "Jo"}
        assert not isinstance(process.arrived(world.records, **who, **arrival), Refused)
        if left:
            leaving = {"departed_at": at(left), "at": at(left), "is_finished": is_finished}
            assert not isinstance(process.departed(world.records, **who, **leaving), Refused)


CAME, WENT = "2026-06-09T09:00", "2026-06-09T11:00"


@pytest.mark.rule("P-71")
@pytest.mark.rule("C-17")
@pytest.mark.parametrize(
    ("visits", "left", "is_taken"),
    [
        pytest.param((), "2026-05-09T12:00", False, id="a month too early"),
        pytest.param((), "2026-06-08T08:59", False, id="before the work was taken"),
        pytest.param((), "2026-06-08T09:00", True, id="as it was taken"),
        pytest.param(((CAME, "", None),), "2026-06-09T08:59", False, id="before the arrival"),
        pytest.param(((CAME, "", None),), CAME, True, id="at the arrival"),
        pytest.param(((CAME, WENT, True),), "2026-06-09T10:59", False, id="before it is on record"),
        pytest.param(((CAME, WENT, True),), "2026-06-09T11:01", False, id="after it is on record"),
        pytest.param(((CAME, WENT, True),), WENT, True, id="as it is on record"),
        pytest.param(((CAME, WENT, False),), "2026-06-09T10:59", False, id="before the visit over"),
        pytest.param(((CAME, WENT, False),), "2026-06-09T13:00", True, id="a further visit"),
    ],
)
def test_a_departure_that_contradicts_the_record_is_refused(world, content, visits, left, is_taken):
    goes(world, *visits)
    before = everything(world)
    answer = submit(world, content, left=at(left))
    if is_taken:
        assert isinstance(answer, Report)
        return
    assert (answer.code, answer.rule) == ("invalid_departure", "P-71")
    assert everything(world) == before


@pytest.mark.rule("P-71")
def test_a_corrected_report_does_not_move_the_departure(world, content):
    submit(world, content)
    give_back(world, "which connector?")
    better = replace(content, summary="replaced connector 3")
    answer = submit(world, better, when=SENT + 2 * HOUR, left=LEFT - HOUR)
    assert answer.code == "invalid_departure"
    assert isinstance(submit(world, better, when=SENT + 2 * HOUR), Report)


@pytest.mark.parametrize(
    ("photo", "code"),
    [
        pytest.param("before.jpg", "photo_unknown", id="a name and no photo"),
        pytest.param("upload:UPL-0000000000", "photo_unknown", id="no upload"),
        pytest.param("evidence/WO-1/UPL-1.jpg", "photo_unknown", id="a path"),
        pytest.param("upload:" + "x" * 3000, "photo_unknown", id="longer than any key"),
    ],
)
def test_a_photo_that_nobody_sent_is_none(world, content, photo, code):
    photos = (*content.as_found.photos, photo)
    answer = submit(world, replace(content, as_found=Condition("offline", photos)))
    assert isinstance(answer, Incomplete)
    assert answer.missing == (code,)
    assert world.order.report_id is None


def test_a_photo_is_one_of_this_work_orders_and_kept(world, content):
    waiting = world.request(announced(a_photo("blue"))).upload
    paper = world.uploaded(
        a_paper(), purpose=Purpose.REPORT_PDF, content_type="application/pdf", name="r.pdf"
    )
    stored = world.records.load(type(waiting), waiting.id)
    foreign = replace(stored.record, id="UPL-FOREIGN", work_order_id="WO-OTHER")
    world.records.commit(Change(saves=(replace(stored.replaced_by(foreign), expected_version=0),)))
    for reference, code in (
        (waiting.reference, "photo_not_kept"),
        (paper.reference, "photo_unknown"),
        (foreign.reference, "photo_unknown"),
    ):
        answer = submit(world, replace(content, as_found=Condition("off", (reference,))))
        assert answer.missing == (code,)
    photo = content.as_found.photos[0]
    assert submit(world, replace(content, papers=(photo,))).missing == ("paper_unknown",)
    assert isinstance(submit(world, replace(content, papers=(paper.reference,))), Report)


def test_an_id_alone_is_a_reference_too(world, content):
    plain = tuple(one.removeprefix("upload:") for one in content.as_found.photos)
    assert isinstance(submit(world, replace(content, as_found=Condition("off", plain))), Report)


@pytest.mark.rule("P-72b")
@pytest.mark.parametrize(
    ("link", "code"),
    [
        pytest.param("", "link_missing", id="none"),
        pytest.param("https://app.sitecapture.com/r/1?x=2#y", None, id="the page itself"),
        pytest.param("http://app.sitecapture.com/r/1", "link_not_allowed", id="not https"),
        pytest.param("https://app.sitecapture.com.evil.example/", "link_not_allowed", id="behind"),
        pytest.param("https://evil-sitecapture.com/", "link_not_allowed", id="like it"),
        pytest.param("https://sitecapture.com@evil.example/", "link_not_allowed", id="a user"),
        pytest.param("https://sitecapture.com:8443/", "link_not_allowed", id="a port"),
        pytest.param("https://sitecapture.com:port/", "link_not_allowed", id="no port"),
        pytest.param("https://evil.example\\@sitecapture.com/", "link_not_allowed", id="a slash"),
        pytest.param("https://jo@sitecapture.com/", "link_not_allowed", id="a user of theirs"),
        pytest.param("https://sitecapture.com/\\x", "link_not_allowed", id="a slash in the path"),
        pytest.param("https://sitecapture.com/ x", "link_not_allowed", id="a blank"),
        pytest.param("https://sitecapture.com/\r\nx", "link_not_allowed", id="a line break"),
        pytest.param("https://sitecapture.com/" + "x" * 476, None, id="the longest"),
        pytest.param("https://sitecapture.com/" + "x" * 477, "link_not_allowed", id="too long"),
        pytest.param("https://sitécapture.com/", "link_not_allowed", id="other letters"),
        pytest.param("javascript:alert(1)//sitecapture.com", "link_not_allowed", id="a script"),
        pytest.param("https://[::1", "link_not_allowed", id="no address at all"),
    ],
)
def test_a_link_leads_to_a_page_that_is_known(world, content, link, code):
    answer = submit(world, replace(content, form="sitecapture", link=link))
    if code is None:
        assert isinstance(answer, Report)
    else:
        assert answer.missing == (code,)


def test_everything_that_stands_against_a_report_is_told_at_once(world, content):
    bad = replace(content, summary=" ", papers=("x",), link="ftp://x", form="fax")
    answer = submit(world, bad)
    assert answer.missing == (
        "link_not_allowed", "paper_unknown", "summary_missing", "unsupported_form",
    )  # fmt: skip


# ---------------------------------------------------------------------- drafts
def test_a_draft_tells_what_is_missing_and_is_nobody_elses(world, content):
    half = VisitReport("pdf", Condition("off", ("x",)), Condition(), "", "")
    first = draft(world, half)
    assert first.missing == (
        "as_departed_notes_missing", "as_departed_photos_missing", "photo_unknown",
        "root_cause_missing", "summary_missing",
    )  # fmt: skip
    before = everything(world)
    assert draft(world, half, when=SENT + HOUR).missing == first.missing
    assert everything(world) == before, "the same draft again changes nothing"
    assert draft(world, content).missing == ()
    mine = process.load_draft(world.records, work_order_id=world.number, partner_id="orig")
    assert (mine.draft.content, mine.missing) == (content, ())
    for who in ("other", "stranger"):
        with pytest.raises(NotFound):
            draft(world, half, who=who)
        with pytest.raises(NotFound):
            process.load_draft(world.records, work_order_id=world.number, partner_id=who)


def test_the_draft_of_who_had_the_work_before_is_not_shown(world, content):
    draft(world, content)
    stored = world.records.load(ReportDraft, world.number)
    taken = replace(stored.record, partner_id="other")
    world.records.commit(Change(saves=(stored.replaced_by(taken),)))
    told = process.load_draft(world.records, work_order_id=world.number, partner_id="orig")
    assert told is None


def test_a_draft_is_kept_only_while_there_is_something_to_report(world, content):
    assert not isinstance(draft(world, content), Refused)
    submit(world, content)
    assert draft(world, content).code == "conflict"
    give_back(world, "a photo of the nameplate")
    assert not isinstance(draft(world, content), Refused)


# ---------------------------------------------------------------------- correcting
def test_a_returned_report_is_corrected_and_both_versions_are_kept(world, content):
    first = submit(world, content)
    returned = give_back(world, "  a photo of the nameplate  ", " ")
    assert returned.returned_for == ("a photo of the nameplate",)
    letter = next(one for one in world.records.letters.values() if "correct" in one.subject)
    assert (letter.to, letter.thread) == ("service@orig.example", world.number)
    assert "- a photo of the nameplate" in letter.text
    better = replace(content, summary="replaced a connector, and photographed the nameplate")
    second = submit(world, better, when=SENT + 48 * HOUR)
    assert (second.version, second.id != first.id) == (2, True)
    assert world.order.report_id == second.id
    assert loaded(world, first).state is ReportState.REPLACED
    assert loaded(world, first).content == content
    assert world.order.reported_at == SENT, "the first complete report met the deadline"
    assert happened(world)[-3:] == ["completed", "report_returned", "report_corrected"]
    before = everything(world)
    assert submit(world, better, when=SENT + 49 * HOUR) == second
    assert everything(world) == before
    assert submit(world, content).code == "conflict"


def test_a_correction_is_held_to_the_same_rules(world, content):
    submit(world, content)
    give_back(world, "the root cause")
    answer = submit(world, replace(content, root_cause=" "))
    assert answer.missing == ("root_cause_missing",)
    assert submit(world, content).state is ReportState.RETURNED, "the same again is no correction"


def test_a_report_can_be_corrected_more_than_once(world, content):
    ids = [submit(world, content).id]
    for number in (2, 3):
        give_back(world, f"reason {number}", when=SENT + number * HOUR)
        ids.append(submit(world, replace(content, summary=f"version {number}")).id)
    assert len(set(ids)) == 3
    assert world.records.load(Report, ids[-1]).record.version == 3


def test_returning_names_reasons_and_happens_once(world, content):
    assert give_back(world, "x").code == "conflict"
    submit(world, content)
    assert give_back(world, " ").code == "reasons_missing"
    returned = give_back(world, "x")
    before = everything(world)
    assert give_back(world, "x", when=SENT + 9 * HOUR) == returned
    assert everything(world) == before
    assert give_back(world, "y").code == "conflict"


def test_two_coordinators_at_once_return_it_once(world, content):
    report = submit(world, content)
    stored = world.records.load(Report, report.id)
    give_back(world, "x")
    with pytest.raises(Conflict):
        world.records.commit(Change(saves=(stored.replaced_by(stored.record),)))


# ---------------------------------------------------------------------- proving serial numbers
NEW_INVERTER = ExchangedPart("SN-OLD", "SN-NEW", "inverter")


def told(world, chunks, when, *serials, quality=0):
    """Let the gateway send a window in which these devices answered, or were silent."""
    start = when.astimezone(UTC)
    t0 = int(start.timestamp()) // 300 * 300
    message = {
        "v": 1, "gw": SITE.gateway_id, "boot": "b0", "seq": t0, "t0": t0, "dt": 300, "n": 1,
        "clk": 1, "dict": 1, "health": {},
        "dev": [{"sn": one, "ml": "103", "q": [quality], "cols": {}} for one in serials],
    }  # fmt: skip
    payload = json.dumps(message).encode()
    window = datetime.fromtimestamp(t0, UTC)
    chunks.put([StoredChunk(SITE.gateway_id, window, t0, payload, window)])


def look(world, chunks, when):
    (timer,) = [one for one in world.records.timers.values() if one.wakes == process.SERIALS_DUE]
    world.records.timers.pop(timer.id)
    process.look_for_serials(world.records, chunks, timer=timer, at=when)


@pytest.fixture
def chunks(world):
    kept = MemoryChunks()
    told(world, kept, LEFT - HOUR, "SN-OLD", "SN-METER")
    return kept


@pytest.mark.rule("P-70b")
def test_a_new_inverter_is_confirmed_by_what_the_gateway_reads_after_the_visit(
    world, content, chunks
):
    report = submit(world, exchange(content, NEW_INVERTER))
    assert report.serials is SerialState.WAITING
    told(world, chunks, SENT + HOUR, "sn-new ", "SN-METER")
    look(world, chunks, SENT + 8 * HOUR)
    after = loaded(world, report)
    assert (after.serials, after.task) == (SerialState.CONFIRMED, None)
    assert after.serials_at == SENT + 8 * HOUR
    assert happened(world)[-1] == "serials_confirmed"
    assert not any(one.wakes == process.SERIALS_DUE for one in world.records.timers.values())


@pytest.mark.parametrize(
    ("serials", "says"),
    [
        (("SN-OLD", "SN-NEW"), "the old SN-OLD still answers"),
        (("SN-OTHER",), "the gateway reads sn-other and not SN-NEW"),
    ],
    ids=["the old one answers", "a stranger answers"],
)
def test_what_does_not_agree_is_a_persons_to_settle(world, content, chunks, serials, says):
    report = submit(world, exchange(content, NEW_INVERTER))
    told(world, chunks, SENT + HOUR, *serials)
    look(world, chunks, SENT + 8 * HOUR)
    after = loaded(world, report)
    assert (after.serials, after.task) == (SerialState.MISMATCH, ReportTask.CHECK_SERIALS)
    assert after.serials_say == says
    letter = next(one for one in world.records.letters.values() if "serial" in one.subject)
    assert letter.to == "spc@owner.example"
    assert says in letter.text
    found = world.records.find(Report, by="task", value="check_serials")
    assert [one.record.id for one in found] == [report.id]
    settled = process.settle_serials(
        world.records, work_order_id=world.number, because="a typing error", at=SENT, by="sam"
    )
    assert (settled.task, settled.serials_say) == (None, "sam: a typing error")


def test_a_silent_home_is_looked_at_again_and_in_the_end_by_a_person(world, content, chunks):
    report = submit(world, exchange(content, NEW_INVERTER))
    told(world, chunks, SENT + HOUR, "SN-NEW", quality=2)
    for hours in (8, 16, 24, 48, 72, 96):
        look(world, chunks, SENT + hours * HOUR)
        assert loaded(world, report).serials is SerialState.WAITING
    look(world, chunks, SENT + 120 * HOUR)
    after = loaded(world, report)
    assert (after.serials, after.task) == (SerialState.NOT_SEEN, ReportTask.CHECK_SERIALS)


def test_a_late_timer_skips_the_looks_that_it_missed(world, content, chunks):
    report = submit(world, exchange(content, NEW_INVERTER))
    look(world, chunks, SENT + 50 * HOUR)
    due = [one.due_at for one in world.records.timers.values() if one.wakes == process.SERIALS_DUE]
    assert due == [SENT + 72 * HOUR]
    assert loaded(world, report).serials is SerialState.WAITING


def test_a_part_that_no_gateway_reads_is_not_asked_for(world, content, chunks):
    report = submit(world, exchange(content, ExchangedPart("PB-1", "PB-2", "")))
    look(world, chunks, SENT + 8 * HOUR)
    after = loaded(world, report)
    assert (after.serials, after.task) == (SerialState.NOT_ASKED, None)
    assert "serials_not_asked" not in happened(world)


def test_a_part_whose_old_number_the_gateway_knew_is_asked_for_whatever_it_is_called(
    world, content, chunks
):
    report = submit(world, exchange(content, ExchangedPart(" sn-meter", "SN-METER-2", "")))
    told(world, chunks, SENT + HOUR, "SN-OLD", "SN-METER-2")
    look(world, chunks, SENT + 8 * HOUR)
    assert loaded(world, report).serials is SerialState.CONFIRMED


def test_a_part_that_the_register_knows_is_asked_for_though_the_gateway_never_read_it(
    world, content, chunks
):
    known = Equipment(SITE.id, (Device("SN-DEAD", "inverter", SITE.commissioned_on),))
    world.records.commit(Change(saves=(Save(known),)))
    report = submit(world, exchange(content, ExchangedPart("sn-dead", "SN-NEW", "")))
    look(world, chunks, SENT + 8 * HOUR)
    assert loaded(world, report).serials is SerialState.WAITING
    told(world, chunks, SENT + 9 * HOUR, "SN-NEW", "SN-METER")
    look(world, chunks, SENT + 16 * HOUR)
    assert loaded(world, report).serials is SerialState.CONFIRMED


def test_without_an_exchange_nobody_looks(world, content, chunks):
    report = submit(world, content)
    assert report.serials is SerialState.NOT_ASKED
    before = everything(world)
    timer = Timer("t", report.id, process.SERIALS_DUE, SENT)
    process.look_for_serials(world.records, chunks, timer=timer, at=SENT)
    process.look_for_serials(world.records, chunks, timer=replace(timer, subject="?"), at=SENT)
    assert everything(world) == before


def test_a_replaced_report_is_left_alone_and_its_successor_is_looked_at(world, content, chunks):
    first = submit(world, exchange(content, NEW_INVERTER))
    give_back(world, "the new serial number")
    second = submit(world, exchange(content, replace(NEW_INVERTER, new_serial="SN-NEWER")))
    told(world, chunks, SENT + HOUR, "SN-NEWER")
    before = everything(world)
    timer = Timer("t", first.id, process.SERIALS_DUE, SENT)
    process.look_for_serials(world.records, chunks, timer=timer, at=SENT + 8 * HOUR)
    assert everything(world) == before
    timer = replace(timer, subject=second.id)
    process.look_for_serials(world.records, chunks, timer=timer, at=SENT + 8 * HOUR)
    assert loaded(world, second).serials is SerialState.CONFIRMED


def test_a_chunk_that_cannot_be_read_tells_nothing(world, content, chunks):
    report = submit(world, exchange(content, NEW_INVERTER))
    when = SENT.astimezone(UTC) + HOUR
    chunks.put([StoredChunk(SITE.gateway_id, when, 9, b"not a chunk", when)])
    look(world, chunks, SENT + 8 * HOUR)
    assert loaded(world, report).serials is SerialState.WAITING


def test_there_is_nothing_to_settle_where_nothing_waits(world, content):
    for _ in range(2):
        answer = process.settle_serials(
            world.records, work_order_id=world.number, because="x", at=SENT, by="sam"
        )
        assert answer.code == "conflict"
        submit(world, exchange(content, NEW_INVERTER))


def test_settling_says_why(world, content, chunks):
    submit(world, exchange(content, NEW_INVERTER))
    told(world, chunks, SENT + HOUR, "SN-OLD")
    look(world, chunks, SENT + 8 * HOUR)
    answer = process.settle_serials(
        world.records, work_order_id=world.number, because="  ", at=SENT, by="sam"
    )
    assert answer.code == "reasons_missing"


def test_where_no_coordinator_is_on_record_the_task_waits_without_a_letter(world, content, chunks):
    report = submit(world, exchange(content, NEW_INVERTER))
    del world.records._records[Coordinator, "spc_1"]
    told(world, chunks, SENT + HOUR, "SN-OLD")
    look(world, chunks, SENT + 8 * HOUR)
    assert loaded(world, report).task is ReportTask.CHECK_SERIALS
    assert not any("serial" in one.subject for one in world.records.letters.values())


# ---------------------------------------------------------------------- showing
def pages(world, *, copy=Copy.PARTNER, when=SENT):
    link = report_document(
        world.records,
        world.outside,
        report_pdf,
        work_order_id=world.number,
        copy=copy,
        at=when,
    )
    reference = link.removeprefix("memory:").partition("?")[0]
    reader = PdfReader(BytesIO(world.documents.get(reference)))
    return reference, "\n".join(page.extract_text() for page in reader.pages)


def test_the_pages_are_drawn_once_and_again_when_a_fact_changed(world, content, chunks):
    part = exchange(content, NEW_INVERTER, by="partner", oem="OEM-1")
    submit(world, part)
    reference, text = pages(world)
    assert "Maker's case: OEM-1" in text
    assert "one.jpg" in text
    assert "Open" in text
    assert pages(world) == (reference, text)
    drawn = [one for one in world.documents._kept if one.startswith("reports/")]
    assert drawn == [reference]
    told(world, chunks, SENT + HOUR, "SN-NEW")
    look(world, chunks, SENT + 8 * HOUR)
    later, text = pages(world)
    assert later != reference
    assert "the gateway reads SN-NEW" in text


def test_the_customers_copy_names_nothing_of_the_partners_business(world, content):
    part = exchange(content, NEW_INVERTER, by="partner", oem="OEM-1")
    submit(world, part)
    _, text = pages(world, copy=Copy.CUSTOMER)
    assert "Sample Customer" in text
    assert "SN-NEW" in text
    for inside in ("OEM-1", "one.jpg", "Technician", "RPT-", "$", "Handed in"):
        assert inside not in text.replace(world.order.report_id, ""), inside


def test_what_telemetry_proved_of_production_is_shown(world, content):
    submit(world, content)
    case = world.records.load(Case, world.order.case_id)
    well = replace(case.record, resolved_at=SENT + 30 * HOUR)
    world.records.commit(Change(saves=(case.replaced_by(well),)))
    _, text = pages(world)
    assert "readings are well since Wednesday, June 10, 2026 at 8:00 PM EDT" in text


@pytest.mark.rule("T-91")
def test_the_pages_are_shown_to_who_wrote_them_and_to_no_other_partner(world, content):
    def shown(who, number=world.number):
        return own_report_document(
            world.records,
            world.outside,
            report_pdf,
            work_order_id=number,
            partner_id=who,
            at=SENT,
        )

    def asked(who, number):
        with pytest.raises(NotFound, match="no report of yours"):
            shown(who, number)

    asked("orig", world.number)
    answer = report_document(
        world.records, world.outside, report_pdf,
        work_order_id=world.number, copy=Copy.PARTNER, at=SENT,
    )  # fmt: skip
    assert answer.code == "conflict"
    submit(world, content)
    assert shown("orig").startswith("memory:reports/")
    asked("other", world.number)
    asked("orig", "WO-0")


@pytest.mark.rule("T-91")
def test_after_the_case_is_closed_the_partners_pages_name_no_customer(world, content):
    submit(world, content)
    stored = world.records.load(WorkOrder, world.number)
    hidden = replace(stored.record, customer_hidden_at=SENT)
    world.records.commit(Change(saves=(stored.replaced_by(hidden),)))
    link = own_report_document(
        world.records,
        world.outside,
        report_pdf,
        work_order_id=world.number,
        partner_id="orig",
        at=SENT,
    )
    reference = link.removeprefix("memory:").partition("?")[0]
    read = PdfReader(BytesIO(world.documents.get(reference)))
    text = " ".join(page.extract_text() for page in read.pages)
    assert world.number in text
    for personal in (SITE.customer_name, SITE.address.split(",", maxsplit=1)[0]):
        assert personal not in text
    _, ours = pages(world)
    assert SITE.customer_name in ours


def test_a_photo_that_is_gone_does_not_keep_the_pages_away(world, content):
    submit(world, content)
    world.documents._kept.clear()
    _, text = pages(world)
    assert text.count("not kept any more") == 2


def test_looks_follow_the_policy_of_the_day_that_it_was_sent(world, content):
    report = submit(world, exchange(content, NEW_INVERTER))
    following = [reporting._next_look(report, after=SENT + h * HOUR) for h in (0, 8, 119, 120)]
    due = [one and (one.due_at - SENT) / HOUR for one in following]
    assert due == [8, 16, 120, None]
