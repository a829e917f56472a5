"""The console's audit pages: the log as it is looked for, and what two people decided."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.secret import Secret
from cloud.portfolio.models import AccountKind
from cloud.portfolio.papers import BankChange, BankChangeState
from cloud.portfolio.proposals import Proposal, ProposalState
from tests.cloud.portal.orders_world import OrdersWorld
from tests.cloud.portal.pages_world import NOW, World

HERE = "/console/audit"


def peopled(world: World) -> World:
    world.owner_person("otto", "auditor")
    world.owner_person("ada", "accounting_admin")
    return world


@pytest.fixture(scope="module")
def read() -> OrdersWorld:
    made = OrdersWorld()
    peopled(made)
    made.records.commit(
        Change(
            events=(
                Event("PRJ-1", "project_cancelled", NOW - timedelta(days=3), "pat", "D09",
                      ("PR-1",), "project PRJ-1 is <cancelled>"),
            )
        )
    )  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("query", "says"),
    [
        pytest.param("", "On Mon, Jun 8, 2026 , by days", id="nothing asked"),
        pytest.param(
            "since=2026-06-05",
            "From Fri, Jun 5, 2026 to Mon, Jun 8, 2026 , both included",
            id="a first day alone",
        ),
        pytest.param(
            "until=2026-06-05", "Up to Fri, Jun 5, 2026 , which is included", id="a last day alone"
        ),
        pytest.param("subject=PRJ-1", "Up to Mon, Jun 8, 2026 , which is included", id="one thing"),
    ],
)
def test_the_days_that_were_looked_through_are_said(read, query, says):
    assert says in read.page("otto", f"{HERE}?{query}").plain


def test_without_a_question_it_is_what_happened_today(read):
    page = read.page("otto", HERE)
    assert "Case opened" in page.plain
    assert "project PRJ-1" not in page.plain
    assert "since=2026-06-07" in page.text


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        pytest.param("subject=PRJ-1", True, id="of the thing"),
        pytest.param("by=pat", True, id="of the person"),
        pytest.param("what=project cancelled", True, id="what happened, in words"),
        pytest.param("since=2026-06-05&until=2026-06-05", True, id="of the day"),
        pytest.param("since=2026-06-05", True, id="from the day on"),
        pytest.param("since=2026-06-04", True, id="from the day before on"),
        pytest.param("since=2026-06-06", False, id="from the day after on"),
        pytest.param("until=2026-06-05", True, id="up to the day"),
        pytest.param("until=2026-06-06", True, id="up to the day after"),
        pytest.param("until=2026-06-04", False, id="up to the day before"),
        pytest.param("subject=PRJ-1&by=pat&what=project_cancelled", True, id="all at once"),
        pytest.param("subject=PRJ-1&by=sam", False, id="of somebody else"),
        pytest.param("what=project_cancelled&until=2026-06-04", False, id="before it"),
        pytest.param("by=pat&since=2026-06-06", False, id="after it"),
    ],
)
def test_events_are_found_by_what_is_asked(read, query, holds):
    page = read.page("otto", f"{HERE}?{query.replace(' ', '%20')}")
    assert page.status == 200
    assert ("project PRJ-1 is" in page.plain) is holds


def test_an_event_says_who_when_by_which_rule_and_what_led_to_it(read):
    page = read.page("otto", f"{HERE}?subject=PRJ-1")
    assert "project PRJ-1 is &lt;cancelled&gt;" in page.text
    assert f'href="{HERE}?by=pat"' in page.text
    assert 'href="/console/trace/rules/D09"' in page.text
    assert f'href="{HERE}?subject=PR-1"' in page.text
    assert "Fri, Jun 5, 2026, 11:00 AM EDT" in page.plain
    assert 'href="/console/trace?id=PRJ-1"' in page.text


def test_the_same_events_are_a_file(read):
    file = read.page("otto", f"{HERE}/csv?subject=PRJ-1")
    assert file.text.splitlines() == [
        "at,by,what,subject,rule,says,causes",
        "2026-06-05T15:00:00Z,pat,project_cancelled,PRJ-1,D09,project PRJ-1 is <cancelled>,PR-1",
    ]
    assert file.headers["content-disposition"].startswith("attachment")


def test_a_file_of_too_many_days_is_refused_with_what_to_do(read):
    file = read.page("otto", f"{HERE}/csv?since=2025-06-01&until=2026-06-01")
    assert file.status == 400
    assert "92 days at most" in file.plain


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("since=nonsense", id="no day"),
        pytest.param("since=2026-06-08&until=2026-06-01", id="backwards"),
        pytest.param("after=nonsense", id="no place"),
    ],
)
def test_what_cannot_be_read_says_so(read, query):
    page = read.page("otto", f"{HERE}?{query}")
    assert page.status == 422
    assert 'role="alert"' in page.text


def test_pages_go_on_to_the_first_event():
    world = peopled(World())
    begins = datetime(2026, 6, 8, 8, tzinfo=UTC)
    told = [Event("WO-1", f"step_{n}", begins + timedelta(seconds=n), "sam") for n in range(120)]
    for event in told:
        world.records.commit(Change(events=(event,)))
    seen, to = [], f"{HERE}?subject=WO-1"
    while to:
        page = world.page("otto", to)
        seen += [n for n in range(120) if f'what=step_{n}"' in page.text]
        found = page.text.partition('rel="next" href="')[2].partition('"')[0]
        to = found.replace("&amp;", "&")
    assert sorted(seen) == list(range(120))
    assert len(seen) == 120


def test_only_auditors_read_the_log(read):
    for path in (HERE, f"{HERE}/csv", f"{HERE}/two_people"):
        assert read.page("ada", path).status == 403


def a_proposal(name: str, by: str, decided_by: str) -> Proposal:
    return Proposal(
        id=name, kind="cancel_project", subject="PRJ-1", facts=(), because="sold", by=by,
        at=NOW - timedelta(days=2), state=ProposalState.AGREED, decided_by=decided_by,
        decided_at=NOW - timedelta(days=1),
    )  # fmt: skip


def a_bank_change() -> BankChange:
    return BankChange(
        id="BCH-1", partner_id="P-ALDER", routing_number="091000019",
        account_number=Secret("123456789"), account_kind=AccountKind.CHECKING,
        asked_by="ines", asked_at=NOW - timedelta(days=4), agreed_by="abe",
        agreed_at=NOW - timedelta(days=3), state=BankChangeState.EFFECTIVE,
    )  # fmt: skip


def test_what_two_people_decided_names_both_the_latest_first():
    world = peopled(World())
    empty = world.page("otto", f"{HERE}/two_people").plain
    assert "Nothing was decided by two people yet" in empty
    saves = (Save(a_proposal("PR-1", "pat", "ada"), NEW), Save(a_bank_change(), NEW))
    world.records.commit(Change(saves=saves))
    page = world.page("otto", f"{HERE}/two_people").plain
    assert page.index("End a project PR-1") < page.index("Change bank details BCH-1")
    assert "None of 2 was decided by the person who asked for it" in page
    assert "123456789" not in page
    one = world.page("otto", f"{HERE}/two_people?person=abe").plain
    assert "BCH-1" in one
    assert "PR-1 " not in one
    assert "None is found so" in world.page("otto", f"{HERE}/two_people?person=eve").plain


def test_a_decision_of_one_person_would_be_seen():
    world = peopled(World())
    world.records.commit(Change(saves=(Save(a_proposal("PR-1", "pat", "pat"), NEW),)))
    assert "1 of 1 were decided by the person" in world.page("otto", f"{HERE}/two_people").plain


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["subject", "by", "what", "since", "until", "after", "kind", "person", "page"]),
    st.text(max_size=40),
)
def test_any_text_in_a_question_is_answered(read, name, text):
    for path in (HERE, f"{HERE}/two_people"):
        asked = f"{path}?{name}={quote(text, safe='')}"
        assert read.page("otto", asked).status in {200, 422}


def test_the_day_of_the_log_is_one_of_utc():
    world = peopled(World(now=datetime(2026, 6, 9, 1, 0, tzinfo=UTC)))
    late = datetime(2026, 6, 9, 0, 30, tzinfo=UTC)
    world.records.commit(Change(events=(Event("WO-1", "issued", late, "sam"),)))
    assert late.date() == date(2026, 6, 9)
    assert "Issued" in world.page("otto", HERE).plain
