"""The console's pages of dispatch: what browsers allow, what they cost, and what any text does."""

import itertools
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.service import process
from cloud.service.models import MailState, WorkOrder
from tests.cloud.portal.test_console_doors import Tags
from tests.cloud.portal.test_console_holds import Held
from tests.cloud.portal.test_console_mails import PHOTO, Post
from tests.cloud.portal.test_partner_money_reads import CountedRecords

ANY = st.text(max_size=60)
FEW = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
MOST_READS = 20


@pytest.fixture(scope="module")
def post() -> Post:
    """Give a work order with all that can stand on its page, and mails of each kind."""
    made = Post()
    made.until("accepted")
    made.wait(timedelta(hours=1))
    told = {"reason": "weather", "evidence": "a storm", "since": made.now}
    made.allowed(process.pause(made.records, **told, **made.own()))
    made.allowed(process.question(made.records, text="Which roof?", **made.own()))
    made.came("MAIL-1", photo=PHOTO)
    made.came("MAIL-2", MailState.FOR_A_PERSON, thread=made.number, photo=PHOTO)
    return made


@pytest.fixture(scope="module")
def held() -> Held:
    made = Held()
    made.sweep()
    made.letters(30)
    return made


def is_fit(page: str, root: str) -> None:
    """Hold a page against what browsers allow and what is read aloud."""
    tags = Tags(page)
    assert "<style" not in page
    assert not [
        one for _, one in tags.found if "style" in one or any(name[:2] == "on" for name in one)
    ]
    assert len(tags.of("h1")) == 1
    levels = [int(one) for one in re.findall(r"<h([1-6])", page.partition("<main")[2])]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = [one["id"] for _, one in tags.found if one.get("id")]
    assert len(ids) == len(set(ids))
    labelled = {one.get("for") for one in tags.of("label")}
    fields = [*tags.of("input"), *tags.of("select"), *tags.of("textarea")]
    assert [f for f in fields if f.get("type") != "hidden" and f["id"] not in labelled] == []
    assert all(one.get("action", "").startswith(root) for one in tags.of("form"))
    assert [one for one in tags.of("svg") if one.get("role") != "img"] == []
    assert len(page) < 60_000


@pytest.mark.parametrize(
    "path",
    [
        "/console/work_orders",
        "/console/work_orders?show=past",
        "/console/work_orders/{number}",
        "/console/mails",
        "/console/mails/MAIL-1",
        "/console/mails/MAIL-2",
        "/console/mails/threads/{number}",
    ],
)
def test_pages_keep_to_what_browsers_allow_and_can_be_read_aloud(post, path):
    seen = post.page("sam", path.format(number=post.number))
    assert seen.status == 200
    is_fit(seen.text, "/console")


@pytest.mark.parametrize("who", ["sam", "amy", "otto"])
def test_so_does_the_page_of_what_is_held(held, who):
    seen = held.world.page(who, "/console/holds")
    assert seen.status == 200
    is_fit(seen.text, "/console")


@pytest.mark.parametrize(
    "state", ["offered", "accepted", "scheduled", "on_site", "awaiting_report", "completed"]
)
def test_an_order_is_fit_to_be_read_in_every_state(state):
    world = Post().until(state)
    seen = world.page("sam", f"/console/work_orders/{world.number}")
    assert seen.status == 200
    is_fit(seen.text, "/console")


class CountedPost(Post):
    """Counts what a table would be asked."""

    def __init__(self) -> None:
        super().__init__(CountedRecords())

    def cost(self, path: str) -> int:
        self.page("sam", path)
        before = self.records.requests
        assert self.page("sam", path).status == 200
        return self.records.requests - before


@pytest.mark.parametrize(
    "path",
    [
        "/console/work_orders",
        "/console/work_orders/{number}",
        "/console/mails",
        "/console/mails/MAIL-01",
        "/console/mails/threads/{number}",
        "/console/holds",
    ],
)
def test_a_page_costs_a_number_of_reads_that_rows_do_not_raise(path):
    few, many = CountedPost(), CountedPost()
    for world, count in ((few, 2), (many, 40)):
        for number in range(count):
            world.came(f"MAIL-{number:02d}", MailState.FOR_A_PERSON, thread=world.number)
    cost = few.cost(path.format(number=few.number))
    assert cost == many.cost(path.format(number=many.number))
    assert cost <= MOST_READS


@FEW
@given(ANY, ANY)
def test_any_text_in_a_question_is_answered(post, one, other):
    for path, name in (
        ("work_orders", "q"),
        ("work_orders", "show"),
        ("work_orders", "from"),
        ("mails", "q"),
        ("mails", "state"),
        ("mails", "from"),
    ):
        asked = f"/console/{path}?{name}={quote(one)}&partner={quote(other)}"
        assert post.page("sam", asked).status in {200, 303}


@FEW
@given(ANY.filter(lambda text: text.strip("/. ")))
def test_any_name_of_a_thing_is_a_page_or_none(post, name):
    plain = quote(name, safe="")
    for path in (
        f"work_orders/{plain}",
        f"work_orders/{post.number}/files/{plain}",
        f"mails/{plain}",
        f"mails/threads/{plain}",
    ):
        assert post.page("sam", f"/console/{path}").status in {200, 404}
    for path in (
        f"work_orders/{post.number}/pauses/{plain}/confirm",
        f"holds/sweeps/{plain}/release",
    ):
        assert post.send("sam", f"/console/{path}").status in {303, 404, 422}


FORMS = {
    "assign": ("assign_partner",),
    "phone_calls": ("call_outcome", "seen"),
    "spend_approvals": ("spend_limit",),
    "spend_rejections": ("refuse_reason",),
    "pauses": ("pause_reason", "pause_evidence", "pause_since", "pause_until"),
    "report/return": ("return_reasons",),
    "report/serials": ("serials_reason",),
    "finding": ("finding_cause", "finding_evidence"),
    "withdraw": ("withdraw_reason", "offer"),
    "reassign": ("offer",),
}


@FEW
@given(st.sampled_from(sorted(FORMS)), st.lists(ANY, min_size=4, max_size=4))
def test_any_text_in_a_form_is_answered(post, deed, texts):
    fields = dict(zip(FORMS[deed], texts, strict=False))
    seen = post.send("sam", f"/console/work_orders/{post.number}/{deed}", **fields)
    assert seen.status in {303, 422}
    assert isinstance(post.order, WorkOrder)


@FEW
@given(ANY, ANY)
def test_any_text_in_the_forms_of_mail_and_holds_is_answered(post, one, other):
    for path, fields in (
        ("mails/MAIL-1/release", {"order_number": one}),
        ("holds/replay", {"replay_clock": one, "replay_from": other}),
    ):
        assert post.send("sam", f"/console/{path}", **fields).status in {303, 422}


@FEW
@given(st.binary(max_size=300))
def test_any_bytes_of_a_mail_are_shown(post, raw):
    post.documents._kept["mail/in/MAIL-1"] = raw
    assert post.page("sam", "/console/mails/MAIL-1").status == 200
