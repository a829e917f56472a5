"""The console's pages of mail: what nobody could match, what was read, and what is put away."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.service.models import Mail, MailReading, MailState
from cloud.service.process.releasing import MAIL_RELEASE
from cloud.service.uploads import Purpose, Upload, UploadState
from tests.cloud.portal.orders_world import ALDER, OrdersWorld

LIST = "/console/mails"
HOUR = timedelta(hours=1)
PHOTO = b"\xff\xd8\xff\xe0 a photo"
SENDER = "service@partner.example"
"""Where Alder gets its work orders."""
VOUCHED = (
    "amazonses.com; dkim=pass header.i=@partner.example; dmarc=pass header.from=partner.example"
)


class Post(OrdersWorld):
    """Mails in the store; at the console sam (spc), amy (ams), otto (auditor), tess (treasury)."""

    def __init__(self, records: MemoryRecords | None = None) -> None:
        super().__init__(records)
        for name, group in (
            ("sam", "spc"),
            ("amy", "ams"),
            ("otto", "auditor"),
            ("tess", "treasury"),
        ):
            self.owner_person(name, group)

    def came(
        self,
        name: str = "MAIL-1",
        state: MailState = MailState.QUARANTINED,
        *,
        thread: str = "",
        text: str = "Nobody at home.",
        page: str = "",
        photo: bytes = b"",
        vouched: str = "",
        after: timedelta = HOUR,
        **more: object,
    ) -> Mail:
        """Put a mail on record that came in, with its bytes."""
        mail = EmailMessage()
        if vouched:
            mail["Authentication-Results"] = vouched
        mail["From"], mail["To"] = SENDER, "service@mail.sunreeve.example"
        mail["Subject"] = f"Subject of {name}"
        mail.set_content(text)
        if page:
            mail.add_alternative(page, subtype="html")
        if photo:
            mail.add_attachment(photo, maintype="image", subtype="jpeg", filename="roof.jpg")
        self.documents.put(f"mail/in/{name}", mail.as_bytes(), "message/rfc822")
        record = Mail(
            name,
            state,
            thread,
            is_ours=False,
            sender=SENDER,
            recipient="service@mail.sunreeve.example",
            subject=f"Subject of {name}",
            at=self.now + after,
            raw=f"mail/in/{name}",
        )
        self.put(replace(record, **more))
        return record

    def shown(self, name: str = "MAIL-1", who: str = "sam") -> str:
        return self.page(who, f"{LIST}/{name}").plain

    def mail(self, name: str = "MAIL-1") -> Mail:
        return self.records.load(Mail, name).record


@pytest.fixture
def post() -> Post:
    return Post()


# ---- the list ------------------------------------------------------------------------------------


def test_what_could_not_be_matched_stands_first_and_then_the_oldest(post):
    post.came("MAIL-A", MailState.FOR_A_PERSON, thread=post.number, after=-3 * HOUR)
    post.came("MAIL-B", after=-HOUR)
    post.came("MAIL-C", after=-2 * HOUR)
    post.came("MAIL-D", MailState.FILED, thread=post.number)
    seen = post.page("sam", LIST)
    places = [seen.text.index(f"{LIST}/MAIL-{one}") for one in "CBA"]
    assert places == sorted(places)
    assert "MAIL-D" not in seen.text
    assert "Waits 3" in seen.plain
    assert "Put aside 2" in seen.plain


@pytest.mark.parametrize("state", [one for one in MailState if one.value != "leaving"])
def test_each_pile_shows_its_own(post, state):
    post.came("MAIL-X", state)
    seen = post.page("otto", f"{LIST}?state={state}")
    is_listed = state not in {MailState.DELIVERED, MailState.DROPPED}
    assert ("MAIL-X" in seen.text) is is_listed
    assert seen.status == 200


def test_a_long_pile_has_pages(post):
    for number in range(53):
        post.came(f"MAIL-{number:03}", after=number * HOUR)
    first, second = post.page("sam", LIST), post.page("sam", f"{LIST}?from=50")
    assert f"{LIST}/MAIL-049" in first.text
    assert f"{LIST}/MAIL-050" not in first.text
    assert "from=50" in first.text
    assert f"{LIST}/MAIL-052" in second.text


@pytest.mark.parametrize("state", ["", "?state=quarantined", "?state=filed"])
def test_an_empty_pile_says_what_makes_a_mail_come(post, state):
    seen = post.page("sam", f"{LIST}{state}").plain
    assert "No mail waits for anybody" in seen or "Nothing is in this pile" in seen


def test_a_number_leads_to_its_thread_or_to_the_mail(post):
    post.came(thread=post.number)
    assert post.page("sam", f"{LIST}?q={post.number.lower()}").to == f"{LIST}/threads/{post.number}"
    assert post.page("sam", f"{LIST}?q=mail-1").to == f"{LIST}/MAIL-1"
    assert "No mail is about" in post.page("sam", f"{LIST}?q=WO-NOTHING").plain


# ---- who may see ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/MAIL-1", "/threads/WO-1"])
def test_who_may_look(post, path):
    post.came(thread="WO-1")
    for who in ("sam", "amy", "otto"):
        assert post.page(who, LIST + path).status == 200
    assert post.page("tess", LIST + path).status == 403


@pytest.mark.parametrize(
    ("who", "deed", "status"),
    [
        pytest.param("sam", "release", 422, id="a coordinator vouches"),
        pytest.param("amy", "release", 403, id="the aftermarket service does not"),
        pytest.param("sam", "discard", 422, id="a coordinator puts away"),
        pytest.param("amy", "discard", 422, id="the aftermarket service as well"),
        pytest.param("otto", "discard", 403, id="an auditor only looks"),
        pytest.param("otto", "release", 403, id="and vouches for nothing"),
    ],
)
def test_who_may_do_what(post, who, deed, status):
    post.came()
    assert post.send(who, f"{LIST}/MAIL-1/{deed}").status == status
    assert post.mail().state is MailState.QUARANTINED


def test_who_may_not_is_offered_no_form(post):
    post.came()
    assert "Vouch for it" in post.shown()
    assert "Vouch for it" not in post.shown(who="amy")
    assert "What you can do" not in post.shown(who="otto")


@pytest.mark.parametrize("path", ["/MAIL-NONE", "/threads/WO-NONE"])
def test_what_is_not_there_is_absent(post, path):
    assert post.page("sam", LIST + path).status == 404


# ---- one mail ------------------------------------------------------------------------------------


def test_a_mail_is_shown_as_text_and_never_as_its_page(post):
    post.came(
        text="Plain <b>words</b>.\n\nOn Mon, Jun 8, 2026 Sam wrote:\n> the old mail",
        page='<script>alert(1)</script><img src="https://spy.example/x">',
    )
    page = post.page("sam", f"{LIST}/MAIL-1")
    assert "Plain &lt;b&gt;words&lt;/b&gt;." in page.text
    assert "spy.example" not in page.text
    assert "alert(1)" not in page.text
    assert "the old mail" in page.plain


def test_a_mail_that_nobody_vouches_for_warns(post):
    post.came(says="nobody vouches for its sender")
    page = post.shown()
    assert "Nothing was done because of this mail: nobody vouches for its sender" in page
    assert "Nobody vouches for it" in page
    assert "Answer by mail" not in page


def test_what_was_read_out_of_it_is_told_with_its_code(post):
    readings = (
        MailReading("ACCEPT", is_done=False, code="unclear", says="It is not clear"),
        MailReading("CALLED", is_done=True, code="", says="Thank you."),
    )
    post.came(
        state=MailState.FOR_A_PERSON,
        thread=post.number,
        readings=readings,
        matched_by="subject_tag",
        vouched=VOUCHED,
    )
    page = post.page("sam", f"{LIST}/MAIL-1")
    for words in ("ACCEPT", "Not done", "unclear", "It is not clear", "CALLED", "Done"):
        assert words in page.plain
    assert "the number is in its subject" in page.plain
    assert "Its domain vouches for it" in page.plain
    assert f"/console/work_orders/{post.number}" in page.text
    assert f"mailto:{SENDER}?subject=Re" in page.text


@pytest.mark.parametrize(
    ("state", "says"),
    [
        pytest.param(UploadState.KEPT, "Scanned and kept", id="kept"),
        pytest.param(UploadState.SCANNING, "Is being scanned", id="the scan goes on"),
        pytest.param(UploadState.REFUSED, "Removed", id="removed"),
        pytest.param(None, "Not scanned and not taken", id="never taken"),
    ],
)
def test_an_attachment_says_what_became_of_it(post, state, says):
    post.came(state=MailState.FILED, thread=post.number, photo=PHOTO)
    if state is not None:
        digest = hashlib.sha256(PHOTO).hexdigest()
        post.put(
            Upload(
                "UPL-1",
                post.number,
                ALDER,
                Purpose.EVIDENCE,
                "roof.jpg",
                "image/jpeg",
                len(PHOTO),
                digest,
                state,
                "quarantine/1",
                post.now,
                "bo",
            )
        )
    page = post.page("sam", f"{LIST}/MAIL-1")
    assert "roof.jpg" in page.plain
    assert says in page.plain
    link = f"/console/work_orders/{post.number}/files/UPL-1"
    assert (link in page.text) is (state is UploadState.KEPT)


def test_a_letter_of_ours_and_a_mail_whose_bytes_are_gone_say_so(post):
    ours = Mail(
        "MAIL-O", MailState.DELIVERED, post.number, True, "", "a@b.example", "Offer", post.now
    )
    gone = replace(ours, id="MAIL-G", is_ours=False, raw="mail/in/gone", state=MailState.FILED)
    post.put(ours, gone)
    assert "A letter of ours" in post.shown("MAIL-O")
    assert "not kept any more" in post.shown("MAIL-G")
    thread = post.page("sam", f"{LIST}/threads/{post.number}")
    assert "to a@b.example" in thread.plain
    assert f"/console/work_orders/{post.number}" in thread.text


def test_a_very_long_mail_is_cut(post):
    post.came(text="word " * 9_000)
    page = post.page("sam", f"{LIST}/MAIL-1")
    assert "only its beginning" in page.plain
    assert len(page.text) < 60_000


# ---- deeds ---------------------------------------------------------------------------------------


def test_a_mail_is_vouched_for_and_read_later_in_the_name_of_its_partner(post):
    post.came()
    page = post.page("sam", f"{LIST}/MAIL-1")
    assert "open at Alder Solar" in page.plain
    assert f'value="{post.number}"' in page.text, "the only one that fits is filled in"
    for _ in range(2):
        sent = post.send("sam", f"{LIST}/MAIL-1/release", order_number=post.number.lower())
        assert "In a moment it is read" in post.after("sam", sent).plain
    (message,) = [one for one in post.records.messages.values() if one.topic == MAIL_RELEASE]
    assert message.body["work_order_id"] == post.number
    assert message.body["by"] == "sam"


def test_a_mail_from_before_the_offer_is_not_the_partners(post):
    post.came(after=-HOUR)
    assert "open at Alder Solar" not in post.shown()
    seen = post.send("sam", f"{LIST}/MAIL-1/release", order_number=post.number)
    assert seen.status == 422
    assert "M-75" in seen.plain
    assert post.number in seen.text


@pytest.mark.parametrize(
    ("number", "says"),
    [
        pytest.param("", "Write the number", id="none"),
        pytest.param("WO-NOTHERE", "no work order of that number", id="one that there is not"),
    ],
)
def test_a_number_that_leads_nowhere_is_told_and_kept(post, number, says):
    post.came()
    seen = post.send("sam", f"{LIST}/MAIL-1/release", order_number=number)
    assert seen.status == 422
    assert says in seen.plain
    assert number in seen.text


def test_a_mail_needs_nothing_more(post):
    post.came(state=MailState.FOR_A_PERSON)
    assert "Say why" in post.send("amy", f"{LIST}/MAIL-1/discard", discard_reason="").plain
    sent = post.send("amy", f"{LIST}/MAIL-1/discard", discard_reason="called them back")
    assert "it needs nothing more" in post.after("amy", sent).plain
    assert (post.mail().state, post.mail().decided_by) == (MailState.DISCARDED, "amy")
    assert "called them back" in post.shown()


def test_what_was_read_already_is_not_put_away(post):
    post.came(state=MailState.FILED, thread=post.number)
    seen = post.send("sam", f"{LIST}/MAIL-1/discard", discard_reason="no")
    assert seen.status == 422
    assert "M-75" in seen.plain
