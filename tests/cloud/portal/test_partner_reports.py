"""The report in the portal: written, its files, what it lacks, handed in, returned, read again."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kernel.errors import Conflict, Unavailable
from cloud.portal.asking import Form
from cloud.portal.partner_views.reports import LACKING, SIDES, content_of, written_in
from cloud.service import process
from cloud.service.models import Report, ReportDraft, ReportState
from cloud.service.report import ExchangedPart, Rma, SerialState
from cloud.service.uploads import Scan, Upload, UploadState
from tests.cloud.portal.orders_world import ALDER, HOUR, OrdersWorld, at
from tests.cloud.service.report_world import a_paper, a_photo

FOUND = ("found.jpg", "image/jpeg", a_photo("red"))
LEFT = ("left.jpg", "image/jpeg", a_photo("green"))
WORDS = {
    "form": "pdf",
    "found_notes": "Dark display",
    "departed_notes": "All well",
    "summary": "Breaker replaced",
    "root_cause": "A worn breaker",
}


@pytest.fixture
def world() -> OrdersWorld:
    return OrdersWorld().until("awaiting_report")


def path(world: OrdersWorld, more: str = "") -> str:
    return f"{world.path}/report{more}"


def latest(world: OrdersWorld) -> Report:
    return world.records.load(Report, world.order.report_id).record


def draft(world: OrdersWorld) -> ReportDraft:
    return world.records.load(ReportDraft, world.number).record


def uploads(world: OrdersWorld) -> list[Upload]:
    found = world.records.find(Upload, by="work_order_id", value=world.number)
    return sorted((one.record for one in found), key=lambda one: one.name)


def send_all(world: OrdersWorld, **more: Any):
    return world.send_files(
        "bo", path(world), {"add_found": FOUND, "add_departed": LEFT}, **(WORDS | more)
    )


# ---- sending it ------------------------------------------------------------------------------
def test_photos_and_words_in_one_form_make_a_report(world: OrdersWorld) -> None:
    sent = send_all(world, deed="send")
    assert sent.to == path(world), sent.plain
    seen = world.after("bo", sent).plain
    assert "The report is sent. Thank you." in seen
    assert "Being watched" in seen
    assert "Breaker replaced" in seen
    report = latest(world)
    by_id = {one.reference: one.name for one in uploads(world)}
    assert [by_id[one] for one in report.content.as_found.photos] == ["found.jpg"]
    assert [by_id[one] for one in report.content.as_departed.photos] == ["left.jpg"]
    assert report.departed_at == world.order.visits[-1].departed_at
    assert report.submitted_by == "bo"


def test_the_same_form_twice_is_one_report(world: OrdersWorld) -> None:
    send_all(world, deed="send")
    before = world.order, latest(world), uploads(world)
    send_all(world, deed="send")
    assert (world.order, latest(world), uploads(world)) == before


def test_what_is_kept_is_there_again_and_the_work_order_is_not_completed(
    world: OrdersWorld,
) -> None:
    sent = world.send_files(
        "bo", path(world), {"add_found": FOUND}, deed="keep", summary="Half <written>"
    )
    seen = world.after("bo", sent)
    assert "The report is kept. 5 things are still missing." not in seen.plain
    assert "4 things are still missing" in seen.plain
    assert "Half &lt;written&gt;" in seen.text
    assert "found.jpg" in seen.plain
    assert world.order.report_id is None
    assert draft(world).content.summary == "Half <written>"


def test_an_incomplete_report_is_not_sent_but_kept_with_links_to_what_lacks(
    world: OrdersWorld,
) -> None:
    sent = world.send("bo", path(world), deed="send", summary="Only this")
    assert sent.status == 422
    assert "It cannot be sent yet: 5 things are missing (rule P-71). It is kept." in sent.plain
    for place in ("found_notes", "add_found", "departed_notes", "add_departed", "root_cause"):
        assert f'<a href="#{place}">' in sent.text
        assert f'id="{place}"' in sent.text
    assert "Only this" in sent.text
    assert draft(world).content.summary == "Only this"
    assert world.order.report_id is None


def test_every_code_that_a_report_may_lack_leads_to_a_field_of_the_page(
    world: OrdersWorld,
) -> None:
    seen = world.page("bo", path(world)).text
    for code, (says, place) in LACKING.items():
        assert f'id="{place}"' in seen, code
        assert says


@pytest.mark.parametrize(
    ("form", "lacks"),
    [
        pytest.param({}, 6, id="nothing is written"),
        pytest.param(WORDS, 2, id="only the photos are missing"),
        pytest.param(WORDS | {"started_by": "partner"}, 4, id="an exchange without parts and case"),
        pytest.param(
            WORDS
            | {"started_by": "partner", "oem_case": "C-1", "part_old_0": "A", "part_new_0": "a"},
            3,
            id="an exchange of a part for itself",
        ),
        pytest.param(
            WORDS | {"form": "sitecapture", "link": "https://elsewhere.example/1"},
            3,
            id="a link that leads elsewhere",
        ),
        pytest.param(WORDS | {"found_photo": "upload:UPL-NONE"}, 2, id="a photo of nobody's"),
    ],
)
def test_what_lacks_is_told_while_it_is_typed_and_nothing_is_kept(
    world: OrdersWorld, form: dict[str, str], lacks: int
) -> None:
    part = world.send("bo", path(world, "/lacking"), **form)
    assert part.status == 200
    assert part.text.count("<li>") == lacks
    assert "<html" not in part.text
    assert world.records.load(ReportDraft, world.number) is None


def test_an_exchange_goes_row_by_row_and_empty_rows_are_left_out(world: OrdersWorld) -> None:
    send_all(
        world,
        deed="send",
        started_by="partner",
        oem_case="MK-7",
        part_kind_0="inverter",
        part_old_0="OLD-1",
        part_new_0="NEW-1",
        part_kind_1="module",
        part_old_1="",
        part_new_1="",
        part_kind_12="battery",
        part_old_12="OLD-2",
        part_new_12="NEW-2",
    )
    assert latest(world).content.rma == Rma(
        "partner",
        (ExchangedPart("OLD-1", "NEW-1", "inverter"), ExchangedPart("OLD-2", "NEW-2", "battery")),
        "MK-7",
    )
    seen = world.page("bo", path(world)).plain
    assert "OLD-2" in seen
    assert "We ask the gateway for the new serial numbers." in seen


@pytest.mark.parametrize(
    ("serials", "says"),
    [
        pytest.param(SerialState.CONFIRMED, "reads the new serial numbers", id="confirmed"),
        pytest.param(SerialState.MISMATCH, "is something else", id="another answers"),
        pytest.param(SerialState.NOT_SEEN, "has not read", id="nobody answers"),
    ],
)
def test_the_verdict_on_serial_numbers_is_told(
    world: OrdersWorld, serials: SerialState, says: str
) -> None:
    send_all(world, deed="send", started_by="owner", part_old_0="A", part_new_0="B")
    world.change(replace(latest(world), serials=serials, serials_say="seen on the wire"))
    seen = world.page("bo", path(world)).plain
    assert says in seen
    assert "seen on the wire" in seen


# ---- the departure ---------------------------------------------------------------------------
def test_without_a_departure_on_record_it_is_asked_for(world: OrdersWorld) -> None:
    other = OrdersWorld().until("on_site")
    other.wait(HOUR)
    assert "When did the technician leave" in other.page("bo", path(other)).plain
    assert "When did the technician leave" not in world.page("bo", path(world)).plain
    unsaid = send_all(other, deed="send")
    assert (unsaid.status, "Say when the technician left" in unsaid.plain) == (422, True)
    ahead = send_all(other, deed="send", departed_at=at(other, 2))
    assert (ahead.status, "not over yet (rule P-71)" in ahead.plain) == (422, True)
    said = send_all(other, deed="send", departed_at=at(other))
    assert said.status == 303
    assert latest(other).departed_at == other.now


# ---- files -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "sent", "says"),
    [
        pytest.param(
            "add_found", ("a.heic", "image/heic", b"heic"), "HEIC photos cannot be read", id="HEIC"
        ),
        pytest.param("add_found", ("a.pdf", "application/pdf", a_paper()), "rule U-01", id="a PDF"),
        pytest.param("add_paper", ("a.jpg", "image/jpeg", FOUND[2]), "rule U-02", id="a photo"),
        pytest.param(
            "add_found",
            ("broken.jpg", "image/jpeg", b"\xff\xd8\xff broken"),
            "broken.jpg was removed",
            id="a photo that is none",
        ),
    ],
)
def test_a_file_that_is_not_taken_is_told_why_and_the_words_are_kept(
    world: OrdersWorld, name: str, sent: tuple[str, str, bytes], says: str
) -> None:
    seen = world.send_files("bo", path(world), {name: sent}, deed="send", summary="My words")
    assert seen.status == 422
    assert says in seen.plain
    assert "photo_found" not in seen.plain
    assert f'id="{name}-wrong"' in seen.text
    assert "My words" in seen.text
    assert draft(world).content.summary == "My words"
    assert world.order.report_id is None


def test_a_photo_that_is_unticked_is_left_out(world: OrdersWorld) -> None:
    world.send_files("bo", path(world), {"add_found": FOUND}, deed="keep")
    (upload,) = uploads(world)
    world.wait(HOUR)
    assert f'value="{upload.reference}" checked' in world.page("bo", path(world)).text
    world.send("bo", path(world), deed="keep", known=upload.id)
    assert draft(world).content.as_found.photos == ()
    assert f'value="{upload.reference}">' in world.page("bo", path(world)).text


def test_a_file_in_the_scan_is_told_so_and_counts_once_it_was_found_clean(
    world: OrdersWorld,
) -> None:
    digest = hashlib.sha256(FOUND[2]).hexdigest()
    announced = announce(world)
    assert f'value="quarantine/{ALDER}/' in announced.text
    (upload,) = uploads(world)
    assert upload.sha256 == digest
    world.desk.lying[upload.quarantine] = FOUND[2]
    world.desk.said[upload.quarantine] = Scan.PENDING
    scanning = world.send("bo", path(world, "/files"), **WORDS)
    assert "is being scanned" in scanning.plain
    assert "data-again" in scanning.text
    lacks = world.send("bo", path(world, "/lacking"), **WORDS).plain
    assert "A photo is still being scanned" in lacks
    world.desk.said[upload.quarantine] = Scan.CLEAN
    kept = world.send("bo", path(world, "/files"), known=upload.id, found_photo=upload.reference)
    assert "data-again" not in kept.text
    assert "checked" in kept.text
    assert uploads(world)[0].state is UploadState.KEPT


def test_without_script_keeping_the_report_looks_at_the_scan_again(world: OrdersWorld) -> None:
    announce(world)
    (upload,) = uploads(world)
    world.desk.lying[upload.quarantine] = FOUND[2]
    world.desk.said[upload.quarantine] = Scan.PENDING
    world.send("bo", path(world), deed="keep")
    assert "is being scanned" in world.page("bo", path(world)).plain
    world.desk.said[upload.quarantine] = Scan.CLEAN
    world.wait(HOUR)
    world.send("bo", path(world), deed="keep", known=upload.id, found_photo=upload.reference)
    assert draft(world).content.as_found.photos == (upload.reference,)
    assert "is being scanned" not in world.page("bo", path(world)).plain
    assert uploads(world)[0].state is UploadState.KEPT


def test_a_file_that_the_scan_refused_is_shown_as_removed_with_the_reason(
    world: OrdersWorld,
) -> None:
    announce(world)
    (upload,) = uploads(world)
    world.desk.lying[upload.quarantine] = FOUND[2]
    world.desk.said[upload.quarantine] = Scan.THREAT
    seen = world.send("bo", path(world, "/files"))
    assert "Removed" in seen.plain
    assert "the malware scan found a threat in it" in seen.plain
    assert "checked" not in seen.text


def test_a_file_that_never_came_is_not_part_of_the_report(world: OrdersWorld) -> None:
    announce(world)
    seen = world.send("bo", path(world, "/files"))
    assert "Did not arrive yet" in seen.plain
    send_all(world, deed="send")
    assert len(latest(world).content.as_found.photos) == 1


def test_a_file_that_may_not_come_gets_no_form(world: OrdersWorld) -> None:
    refused = announce(world, content_type="image/heic")
    assert "<form" not in refused.text
    assert "rule U-01" in refused.plain
    assert "Choose it again" in announce(world, purpose="invoice_paper").plain


def announce(world: OrdersWorld, **differs: str):
    fields = {
        "purpose": "photo_found",
        "name": "found.jpg",
        "content_type": "image/jpeg",
        "size": str(len(FOUND[2])),
        "sha256": hashlib.sha256(FOUND[2]).hexdigest(),
    }
    return world.send("bo", path(world, "/announce"), **(fields | differs))


@pytest.mark.parametrize("lost", [Conflict, Unavailable])
def test_a_file_that_does_not_get_through_costs_no_word(
    world: OrdersWorld, lost: type[Exception]
) -> None:
    put = world.desk.put

    def failing(key: str, content: bytes, content_type: str) -> None:
        if content == FOUND[2]:
            raise lost("storing a file: it did not answer; try again")
        put(key, content, content_type)

    world.desk.put = failing
    seen = send_all(world, deed="keep")
    assert seen.status == 422
    said = seen.text.partition('id="add_found-wrong"')[2].partition("</p>")[0]
    assert "found.jpg did not get through" in said
    assert 'id="add_departed-wrong"' not in seen.text
    assert "Dark display" in seen.text
    assert draft(world).content.summary == "Breaker replaced"
    assert len(draft(world).content.as_departed.photos) == 1


def test_each_file_that_is_not_taken_is_named(world: OrdersWorld) -> None:
    bad = ("a.heic", "image/heic", b"heic")
    seen = world.send_files("bo", path(world), {"add_found": bad, "add_paper": bad}, **WORDS)
    assert seen.text.count("HEIC photos cannot be read") == 2


def test_a_file_that_came_with_the_form_is_part_of_what_is_kept(world: OrdersWorld) -> None:
    send_all(world, deed="keep")
    assert world.page("bo", path(world)).text.count(" checked") == 2


# ---- what a report has no use for now ----------------------------------------------------------
def test_a_case_and_a_link_that_are_not_asked_for_are_kept_and_not_sent(
    world: OrdersWorld,
) -> None:
    link = "https://app.sitecapture.com/r/1"
    world.send("bo", path(world), deed="keep", oem_case="MK-7", link=link, **WORDS)
    seen = world.page("bo", path(world)).text
    assert 'value="MK-7"' in seen
    assert f'value="{link}"' in seen
    send_all(world, deed="send", oem_case="MK-7", link=link)
    assert (latest(world).content.rma, latest(world).content.link) == (None, "")


# ---- how long ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "most"),
    [
        pytest.param("found_notes", 4000, id="notes"),
        pytest.param("summary", 4000, id="the summary"),
        pytest.param("root_cause", 4000, id="the cause"),
        pytest.param("oem_case", 200, id="the maker's case"),
        pytest.param("link", 500, id="a link"),
        pytest.param("part_old_0", 200, id="a serial number"),
    ],
)
def test_what_is_too_long_is_told_at_its_field_and_nothing_is_cut(
    world: OrdersWorld, field: str, most: int
) -> None:
    told = world.send("bo", path(world), **(WORDS | {"deed": "keep", field: "x" * (most + 1)}))
    assert told.status == 422
    says = f"Use at most {most:,} characters here; these are {most + 1:,}."
    assert says in told.text.partition(f'id="{field}-wrong"')[2].partition("</p>")[0]
    assert "It is not kept yet" in told.plain
    assert "x" * (most + 1) in told.text
    assert world.records.load(ReportDraft, world.number) is None
    kept = world.send("bo", path(world), **(WORDS | {"deed": "keep", field: "x" * most}))
    assert kept.status == 303


def test_a_text_of_any_length_comes_back_whole(world: OrdersWorld) -> None:
    told = world.send("bo", path(world), deed="keep", summary="y" * 30_000)
    assert "these are 30,000" in told.plain
    assert "y" * 30_000 in told.text


def test_more_parts_than_a_report_names_are_told_and_shown_again(world: OrdersWorld) -> None:
    parts = {f"part_old_{number}": f"OLD-{number}" for number in range(61)}
    told = world.send("bo", path(world), deed="keep", **parts)
    assert (told.status, "at most 60 parts; these are 61" in told.plain) == (422, True)
    assert "OLD-60" in told.text


# ---- afterwards ------------------------------------------------------------------------------
def test_a_report_that_came_back_is_corrected_from_what_it_said(world: OrdersWorld) -> None:
    send_all(world, deed="send")
    world.wait(HOUR)
    process.return_report(
        world.records,
        work_order_id=world.number,
        reasons=["Show the rating plate"],
        at=world.now,
        by="spc_1",
    )
    assert "Correct the report: Show the rating plate" in world.page("bo", "/portal").plain
    form = world.page("bo", path(world))
    assert "Show the rating plate" in form.plain
    assert "Breaker replaced" in form.text
    assert form.text.count(" checked") == 2
    world.wait(HOUR)
    shown = [one.reference for one in uploads(world)]
    sent = world.send_files(
        "bo",
        path(world),
        {"add_found": ("plate.jpg", "image/jpeg", a_photo("blue"))},
        **(WORDS | {"deed": "send", "found_photo": shown[0], "departed_photo": shown[1]}),
    )
    seen = world.after("bo", sent).plain
    assert "version 2" in seen
    assert "Version 1 came back" in seen
    assert latest(world).state is ReportState.SUBMITTED
    assert len(latest(world).content.as_found.photos) == 2


def test_the_document_is_led_to_once_there_is_a_report(world: OrdersWorld) -> None:
    assert world.page("bo", path(world, "/document")).status == 404
    send_all(world, deed="send")
    link = world.page("bo", path(world, "/document")).to
    assert link.startswith(f"memory:reports/{world.number}/")
    assert world.page("lu", path(world, "/document")).status == 404


def test_before_the_work_is_taken_the_page_says_when_the_report_is_written() -> None:
    world = OrdersWorld()
    seen = world.page("bo", path(world))
    assert "There is no report to write now" in seen.plain
    assert world.send("bo", path(world), deed="send", **WORDS).status == 422
    assert world.records.load(ReportDraft, world.number) is None


# ---- reading the form ------------------------------------------------------------------------
_NAMES = st.sampled_from(
    ["form", "link", "found_notes", "started_by", "known", "found_photo", "paper", "departed_at"]
) | st.from_regex(r"part_(kind|old|new)_[0-9٣]{1,5}", fullmatch=True)


@given(fields=st.dictionaries(_NAMES, st.lists(st.text(max_size=30), max_size=3), max_size=30))
def test_any_form_is_a_report_of_at_most_sixty_parts(fields: dict[str, list[str]]) -> None:
    written = written_in(Form(fields))
    content = content_of(written, ())
    assert content.references == ()
    assert len(content.rma.parts if content.rma else ()) <= 60
    assert all(one.old_serial or one.new_serial for one in written.parts)
    assert SIDES
