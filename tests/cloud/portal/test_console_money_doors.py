"""All of the console's pages of money: any text that is sent, what they hold, what they read."""

import re
from html.parser import HTMLParser
from math import ceil
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from money_office import Office
from money_street import RUN, RUN_AT

from cloud.adapters.memory import MemoryRecords
from cloud.funding.models import Deduction, FundingRun, LedgerEntry, PaymentTrace
from cloud.funding.overdue import OverdueFile
from cloud.funding.process import order_check
from cloud.portal.console_views import (
    ledger,
    payments,
    projects,
    proposals,
    reductions,
    runs,
    trace,
    warranty_prices,
)
from cloud.portfolio.proposals import Proposal

ANY = st.text(max_size=60)
FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
MODULES = (runs, payments, reductions, warranty_prices, proposals, ledger, trace, projects)
ALL_ROLES = "accounting accounting_admin treasury auditor projects"


class Counted(MemoryRecords):
    """Counts what a table would be asked: a hundred keys a request, one request an index."""

    asked = 0

    def load(self, kind, record_id):
        self.asked += 1
        return super().load(kind, record_id)

    def load_all(self, kind, record_ids):
        self.asked += ceil(len(record_ids) / 100)
        found = ((one, self._records.get((kind, one))) for one in record_ids)
        return {one: stored for one, stored in found if stored is not None}

    def find(self, kind, *, by, value):
        self.asked += 1
        return super().find(kind, by=by, value=value)

    def history(self, subject):
        self.asked += 1
        return super().history(subject)


@pytest.fixture(scope="module")
def office() -> Office:
    """A run that is paid out, one that waits, a debt, proposals, an overdue file, a check."""
    made = Office(now=RUN_AT, records=Counted())
    made.owner_person("max", *ALL_ROLES.split())
    for number in range(12):
        made.earns_m1(f"PRJ-{number}", customer=f"Home {number}")
        made.offset(f"OFF-{number}", 100_00 + number)
    made.settled()
    made.offset("OFF-X", 900_000_00)
    made.project("PRJ-X", reached=())
    made.save(OverdueFile("PRJ-X", "P-A", made.now))
    form = {"how": "wire", "amount": "5", "because": "so"}
    made.send("alan", "/console/reductions/OFF-X/settlement", **form)
    made.check = order_check(made.records, at=made.now, by="max")
    return made


def paths_of(office: Office) -> dict[str, str]:
    """Give what the braces of routes stand for."""
    line = office.records.find(PaymentTrace, by="run_id", value=RUN)[0].record
    entry = office.records.find(LedgerEntry, by="partner_id", value="P-A")[0].record
    made = office.records.find(Proposal, by="state", value="pending")[0].record
    return {
        "run_id": RUN,
        "partner_id": "P-A",
        "trace_number": line.id,
        "deduction_id": "OFF-X",
        "proposal_id": made.id,
        "project_id": "PRJ-X",
        "entry_id": entry.id,
        "check_id": office.check.id,
        "rule_id": "D10",
        "file_id": "BF-NONE",
        "payable_id": "PAY-NONE",
    }


ROUTES = [route for module in MODULES for route in module.VIEWS.routes]
PAGES = [
    route.path
    for route in ROUTES
    if route.method == "GET"
    and "file_id" not in route.path
    and not route.path.endswith(("/progress", "/csv", "/find", "/reversal", "/advice"))
]


class Tags(HTMLParser):
    """The tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, *names: str):
        return [attrs for tag, attrs in self.found if tag in names]


@pytest.mark.parametrize("path", PAGES)
def test_each_page_holds_what_browsers_and_people_need(office, path):
    page = office.page("max", path.format(**paths_of(office)))
    assert page.status == 200, page.plain[:300]
    tags = Tags(page.text)
    assert len(tags.all("h1")) == 1
    assert all(
        "style" not in one and not any(n.startswith("on") for n in one) for _, one in tags.found
    )
    assert not tags.all("style")
    labelled = {one.get("for") for one in tags.all("label")}
    fields = [one for one in tags.all("input", "select", "textarea") if one.get("type") != "hidden"]
    assert {one.get("id") for one in fields} <= labelled
    ids = [one["id"] for _, one in tags.found if "id" in one]
    assert len(ids) == len(set(ids))
    assert all(one.get("aria-label") for one in tags.all("svg"))
    door = office.doors["/console"]
    for one in tags.all("a"):
        to = str(one["href"]).partition("?")[0].partition("#")[0]
        assert not to.startswith("/") or to == "/console" or door._views.find("GET", to), to
    for one in tags.all("form"):
        to, method = str(one["action"]), str(one.get("method", "get")).upper()
        assert to.endswith("/sign_out") or door._views.find(method, to), to
    assert len(page.content) < 60_000


@pytest.mark.parametrize("path", PAGES)
def test_each_page_reads_a_bounded_number_of_times(office, path):
    records = office.records
    to = path.format(**paths_of(office))
    before = records.asked
    assert office.page("max", to).status == 200
    assert records.asked - before <= 20


@pytest.mark.parametrize(
    "path",
    [
        "/console/runs?state={}&programme={}&page={}",
        f"/console/runs/{RUN}?show={{}}&page={{}}",
        "/console/runs/{}",
        "/console/runs/payments/{}",
        "/console/runs/bank_files/{}",
        f"/console/runs/{RUN}/partners/{{}}",
        "/console/reductions?state={}&partner={}&kind={}&page={}",
        "/console/reductions/{}",
        "/console/reductions/overdue?state={}",
        "/console/proposals?state={}&page={}",
        "/console/proposals/{}",
        "/console/ledger/find?partner={}&project={}",
        "/console/ledger/of/P-A?account={}&project={}&page={}",
        "/console/ledger/of/P-A/csv?account={}&project={}",
        "/console/ledger/entries/{}",
        "/console/ledger/checks/{}",
        "/console/trace?id={}",
        "/console/trace/rules/{}",
        "/console/projects?q={}&partner={}&state={}&after={}",
        "/console/projects/{}",
    ],
)
@given(text=ANY)
@FEW
def test_any_text_in_an_address_is_answered(office, path, text):
    said = quote(text, safe="")
    page = office.page("max", path.replace("{}", said))
    assert page.status in {200, 303, 400, 404, 405}
    assert "<script>" not in page.text


FORMS = {
    f"/console/runs/{RUN}/release": ("plans_hash", "release_because"),
    f"/console/runs/{RUN}/approve": ("plans_hash",),
    f"/console/runs/{RUN}/not_sent": ("not_sent_because",),
    f"/console/runs/{RUN}/settle": ("statement",),
    "/console/runs/open": ("cut_off_at", "programme"),
    "/console/runs/payments/{trace_number}/reversal": ("reason", "because"),
    "/console/runs/payments/{trace_number}/suspense": ("whose", "whose_because"),
    "/console/reductions/OFF-X/settlement": ("how", "amount", "because"),
    "/console/reductions/warranty_prices": ("effective_from", "file"),
    "/console/projects/PRJ-X/milestones": ("milestone",),
    "/console/projects/PRJ-X/milestones/revoke": ("revoked", "revoked_because", "occurrence_NTP"),
    "/console/projects/PRJ-X/holds": ("hold", "hold_because"),
    "/console/projects/PRJ-X/holds/close": ("closes", "closes_because"),
    "/console/projects/PRJ-X/compliance_offset": ("offset_amount", "offset_because"),
    "/console/projects/PRJ-X/prepaid_commission": ("commission_amount", "commission_because"),
    "/console/projects/PRJ-X/cancel": ("reason", "because", "seen"),
}


@pytest.mark.parametrize("path", FORMS)
@given(data=st.data())
@FEW
def test_any_text_in_a_form_is_answered_and_moves_nothing(office, path, data):
    fields = {name: data.draw(ANY, label=name) for name in FORMS[path]}
    page = office.send("max", path.format(**paths_of(office)), **fields)
    assert page.status in {303, 422}
    assert "<script>" not in page.text
    assert office.get(FundingRun, RUN).state == "settled"
    assert not office.get(Deduction, "OFF-X").applications


@pytest.mark.parametrize("path", [route.path for route in ROUTES if route.method == "POST"])
def test_a_deed_about_what_is_not_there_is_answered(office, path):
    names = dict.fromkeys(re.findall(r"\{(\w+)\}", path), "NONE")
    if not names:
        return
    page = office.send("max", path.format(**names))
    assert page.status == 404
