"""Whatever is typed into money pages, or into their addresses, gets a page for an answer."""

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from money_street import RUN, Street

from cloud.funding.models import Payable
from cloud.portfolio.models import Partner

TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["P-S", "P-Z", "PRJ-1", "2026-12-01", "0001-01-01", "9999-12-31", "-1", "9" * 9]
    ),
)
QUERIES = {
    "/portal/payouts": (
        "tab status since until category milestone programme project organisation page all"
    ),
    f"/portal/payouts/{RUN}": "organisation page held waiting",
    "/portal/clawback": "tab within clock page reductions organisation",
    "/portal/clawback/csv": "organisation",
    "/portal/extensions": "page organisation",
    "/portal/extensions/new": "project page organisation",
    "/portal/direct_pay": "show project page organisation",
    "/portal/invoice_needed": "page organisation",
    "/portal/calendar": "month programme",
    "/portal/exports": "report since until market organisation page",
    "/portal/exports/download": "report since until aging category tab market organisation",
}
FORMS = {
    "/portal/direct_pay": "vendor_id organisation",
    "/portal/extensions/check": "project reason eta_of_pto reason_text proof",
    "/portal/extensions/new": "project reason eta_of_pto account_primary_name proof",
    "/portal/exports": "report since until aging market tab organisation key",
    "/portal/extensions/EXT-1/withdraw": "reason",
    "/portal/projects/PRJ-1/direct_pay/opt_in": "back organisation",
}
ANSWERS = {200, 303, 400, 404, 422}


@pytest.fixture(scope="module")
def street():
    made = Street()
    made.earns_m1("PRJ-1")
    made.settled()
    made.was_paid("PRJ-2")
    return made


def drawn(data, names):
    asked = data.draw(st.sets(st.sampled_from(names.split()), max_size=4))
    return {one: data.draw(TEXT) for one in sorted(asked)}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
@pytest.mark.parametrize("path", QUERIES)
def test_any_address_is_answered(street, path, data):
    page = street.page("ines", f"{path}?{urlencode(drawn(data, QUERIES[path]))}")
    assert page.status in ANSWERS


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
@pytest.mark.parametrize("path", FORMS)
def test_any_form_is_answered_and_moves_no_money(street, path, data):
    before = street.records.find(Payable, by="partner_id", value="P-A")
    page = street.send("ines", path, **drawn(data, FORMS[path]))
    assert page.status in ANSWERS
    assert street.records.find(Payable, by="partner_id", value="P-A") == before
    assert street.get(Partner, "P-Z").direct_pay_vendor_id == ""
