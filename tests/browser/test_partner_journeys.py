"""What partners' people come for, from the first page to the last, as they would do it.

The tests of this module go through one stack in turn. Each leaves a picture of its last page in
var/browser, to be looked at.
"""

import io

from fpdf import FPDF
from PIL import Image
from walking import DESK, PHONE


def photo(name, colour):
    held = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(held, "JPEG")
    return {"name": name, "mimeType": "image/jpeg", "buffer": held.getvalue()}


def test_an_offer_is_taken_on_a_phone_and_a_visit_agreed(walker):
    window = walker.window("ines.alder", size=PHONE)
    window.go("/portal/work_orders?show=to_answer")
    window.follow("WO-")
    order = window.path
    assert "Accept it" in window.text
    window.fill(estimate="180")
    window.press("Accept it")
    assert "accepted" in window.text.lower()
    window.fill(channel="phone", outcome="Spoke to the homeowner")
    window.press("Log the attempt")
    since = window.page.locator("main [name=since]")
    since.fill("2026-06-10T09:00")
    window.fill(until="2026-06-10T11:00", technician=some(window, "technician"))
    window.press("Book the visit")
    assert "Jun 10" in window.text
    assert window.path == order
    window.picture("journey-01-offer-taken-on-a-phone")


def some(window, name):
    """Give a choice of a select: the first that stands for something."""
    values = window.page.locator(f"main select[name={name}] option").evaluate_all(
        "all => all.map(one => one.value).filter(Boolean)"
    )
    return values[0]


def test_a_visit_is_reported_with_photos_while_the_page_tells_what_is_lacking(walker):
    window = walker.window("ines.alder", size=PHONE)
    window.go("/portal/work_orders?show=in_work")
    window.follow("WO-")
    order = window.path
    window.go(f"{order}/report")
    lacking = "Say how you found the system"
    assert lacking in window.text
    window.fill(found_notes="String 2 is dead at the combiner.")
    window.page.wait_for_function("words => !document.body.innerText.includes(words)", arg=lacking)
    window.page.locator("[name=add_found]").set_input_files([photo("found.jpg", "gray")])
    window.page.wait_for_function("document.body.innerText.includes('found.jpg')")
    window.fill(summary="Replaced the connector of string 2.", root_cause="A corroded connector.")
    window.press("Keep it")
    assert "String 2 is dead" in window.page.locator("[name=found_notes]").input_value()
    assert "found.jpg" in window.text
    window.picture("journey-02-report-with-photos")


def test_a_payout_is_followed_to_its_projects_and_its_advice(walker):
    window = walker.window("ines.alder")
    window.go("/portal/payouts")
    window.follow("2026")
    assert "/portal/payouts/" in window.path
    assert "trace" in window.text.lower()
    with window.page.expect_download() as told:
        window.page.get_by_role("link", name="Remittance advice (PDF)").click()
    assert told.value.suggested_filename.endswith(".pdf")
    window.picture("journey-03-payout")


def test_a_clawback_clock_leads_to_a_request_for_an_extension(walker):
    window = walker.window("ines.alder")
    window.go("/portal/clawback")
    window.follow("Ask for an extension")
    window.fill(
        reason=some(window, "reason"),
        reason_text="The utility has not set the meter; its engineer comes on July 2.",
        eta_of_pto="2026-07-20",
    )
    deadline = window.page.locator("main [name=extension_request_deadline]")
    if deadline.count():
        deadline.fill("2026-08-01")
    window.page.locator("main input[type=file]").set_input_files(
        {"name": "letter.pdf", "mimeType": "application/pdf", "buffer": a_pdf()}
    )
    window.press("Send the request")
    assert "/portal/extensions/" in window.path, window.text[:800]
    window.picture("journey-04-extension-asked-for")


def a_pdf():
    page = FPDF()
    page.add_page()
    page.set_font("helvetica", size=14)
    page.cell(text="Utility letter")
    return bytes(page.output())


def test_an_export_is_asked_for_and_downloaded(walker):
    window = walker.window("ines.alder", size=DESK, dark=True)
    window.go("/portal/exports")
    window.fill(report=some(window, "report"))
    window.press("Make the export")
    window.page.wait_for_selector("main a[href*='/download']", timeout=30_000)
    with window.page.expect_download() as told:
        window.page.locator("main a[href*='/download']").first.click()
    assert told.value.suggested_filename.endswith(".csv")
    window.picture("journey-05-export")


def test_the_same_is_done_where_no_script_runs(walker):
    window = walker.window("ines.alder", size=PHONE, script=False)
    window.go("/portal/work_orders?show=to_answer")
    window.follow("WO-")
    window.page.locator("summary", has_text="Decline").first.click()
    window.fill(reason="The crew is on another roof until July.")
    window.press("Decline it")
    assert "declined" in window.text.lower()
    window.picture("journey-06-without-script")
