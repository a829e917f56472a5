"""The console's homes: found by what people know, shown whole, their gateways told otherwise."""

import json
from datetime import timedelta

import pytest

from cloud.portfolio.organisation import Device, Equipment
from cloud.telemetry.configuring import GatewayConfiguration
from tests.cloud.portal.homes_world import LOW_TOLD, Street, days
from tests.cloud.portal.pages_world import NOW
from tests.cloud.service.case_world import put

PATH = "/console/homes"


class Down:
    """The way down to gateways, which keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict]] = []

    def command(self, gateway_id: str, payload: bytes) -> None:
        self.sent.append((gateway_id, json.loads(payload)))


class Homes(Street):
    """A street whose pages reach gateways."""

    def __init__(self, **site: object) -> None:
        super().__init__(**site)
        self.down = Down()
        door = self.world.doors["/console"]
        door._house = _with(door._house, self.down)


def _with(house, down):
    from dataclasses import replace

    return replace(house, downlink=down)


@pytest.fixture
def homes() -> Homes:
    return Homes()


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param("example st", ["site-1"], id="words of the address"),
        pytest.param("other rd", ["site-n0", "site-n1", "site-n2"], id="several homes"),
        pytest.param("neighbour 2", ["site-n2"], id="the customer"),
        pytest.param("N1@home.example", ["site-n1"], id="the mail address"),
        pytest.param("gw-n0", ["site-n0"], id="the gateway"),
        pytest.param("sn 77-a", ["site-1"], id="a serial number with a space"),
        pytest.param("nowhere", [], id="nothing"),
    ],
)
def test_a_home_is_found_by_what_people_know(homes, said, found):
    put(homes.records, Equipment("site-1", (Device("SN77-A", "inverter", NOW.date()),)))
    page = homes.world.page("sam", f"{PATH}?q={said.replace(' ', '+')}")
    assert [
        one for one in ("site-1", "site-n0", "site-n1", "site-n2") if f"{PATH}/{one}" in page.text
    ] == found
    assert ("No home is found" in page.plain) is not found if not found else True


def test_the_search_says_what_to_write(homes):
    assert "Which home" in homes.world.page("pat", PATH).plain


def test_a_home_is_shown_whole(homes):
    homes.judged(days(), told=[LOW_TOLD])
    put(homes.records, Equipment("site-1", (Device("SN77-A", "inverter", NOW.date()),)))
    case = homes.case()
    page = homes.world.page("sam", f"{PATH}/site-1")
    for words in ("1 Example St", case.id, "SN77-A", "8.0 kW DC", "Holds Workmanship", "9.00 kWh"):
        assert words in page.plain, words
    assert 'class="chart days wide"' in page.text
    assert f'data-load="{PATH}/site-1/gateway_now"' in page.text
    assert len(page.text) < 60_000


def test_a_home_of_which_nothing_is_known_yet_says_what_will_come(homes):
    page = homes.world.page("otto", f"{PATH}/site-1").plain
    for words in (
        "No day was judged yet",
        "There was never a case",
        "Nobody was ever sent",
        "No serial",
    ):
        assert words in page


def test_what_a_role_has_no_business_with_is_left_out(homes):
    homes.judged(days())
    case = homes.case()
    page = homes.world.page("pat", f"{PATH}/site-1")
    assert page.status == 200
    assert "Production" not in page.plain
    assert "gateway_now" not in page.text
    assert f"/console/cases/{case.id}" not in page.text  # shown, but no way there


def test_a_home_that_is_not_there(homes):
    assert homes.world.page("sam", f"{PATH}/nowhere").status == 404


# ---- the gateway ---------------------------------------------------------------------------------


def test_a_gateway_tells_what_it_told_last(homes):
    homes.sends()
    page = homes.world.page("sam", f"{PATH}/site-1/gateway").plain
    for words in ("Last heard", "Version of the agent 0.2.0", "Running for 2 h", "SN-1", "1.103"):
        assert words in page, words
    part = homes.world.page("sam", f"{PATH}/site-1/gateway_now")
    assert "SN-1" in part.plain
    assert "<html" not in part.text


def test_a_silent_gateway_and_what_is_missing(homes):
    assert "Nothing was heard" in homes.world.page("amy", f"{PATH}/site-1/gateway").plain
    assert "Nothing was heard" in homes.world.page("amy", f"{PATH}/site-1/gateway_now").plain


def test_a_gateway_is_told_otherwise_and_back(homes):
    sent = homes.world.send(
        "amy", f"{PATH}/site-1/gateway", poll_s="60", window_s="900", log="info"
    )
    page = homes.world.after("amy", sent).plain
    assert "It was sent" in page
    assert "Poll_s 60, window_s 900, log info" in page
    assert homes.down.sent[0][0] == "gw-1"
    assert homes.down.sent[0][1]["set"] == {"poll_s": 60, "window_s": 900, "log": "info"}
    assert 'value="900"' in homes.world.page("amy", f"{PATH}/site-1/gateway").text
    homes.world.clock.at = NOW + timedelta(minutes=1)
    homes.world.send("amy", f"{PATH}/site-1/gateway", take_back="yes")
    assert homes.down.sent[1][1]["set"] == {}
    kept = homes.records.load(GatewayConfiguration, "gw-1")
    assert kept is not None
    assert kept.record.asked_by == "amy"


def test_devices_are_told_as_a_list(homes):
    told = '[{"name": "inverter", "host": "192.168.1.20"}]'
    homes.world.send("amy", f"{PATH}/site-1/gateway", device=told)
    assert homes.down.sent[0][1]["set"]["device"] == [{"name": "inverter", "host": "192.168.1.20"}]
    assert "192.168.1.20" in homes.world.page("amy", f"{PATH}/site-1/gateway").text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({}, "Nothing is filled in", id="nothing"),
        pytest.param({"poll_s": "soon"}, "Write a whole number", id="no number"),
        pytest.param({"window_s": "7"}, "must divide a day", id="a window that fits no day"),
        pytest.param({"log": "loud"}, "must be one of", id="no level"),
        pytest.param({"device": "[{"}, "no JSON list", id="half a list"),
        pytest.param({"device": "[" * 5000}, "no JSON list", id="a list without an end"),
        pytest.param(
            {"device": '[{"name": "x"}]'}, "has no host", id="a device without an address"
        ),
        pytest.param({"device": '"inverter"'}, "must be a list", id="no list"),
    ],
)
def test_what_the_gateway_would_refuse_is_not_sent_and_not_lost(homes, fields, says):
    answer = homes.world.send("amy", f"{PATH}/site-1/gateway", **fields)
    assert answer.status == 422
    assert says in answer.plain
    assert homes.down.sent == []
    for typed in (one for name, one in fields.items() if name != "log"):
        assert typed[:20].replace('"', "&#34;") in answer.text


@pytest.mark.parametrize(
    ("method", "path", "may"),
    [
        pytest.param("GET", PATH, {"sam", "amy", "otto", "pat", "ron"}, id="the search"),
        pytest.param("GET", PATH + "/site-1", {"sam", "amy", "otto", "pat", "ron"}, id="a home"),
        pytest.param("GET", PATH + "/site-1/gateway", {"sam", "amy", "otto"}, id="its gateway"),
        pytest.param("GET", PATH + "/site-1/gateway_now", {"sam", "amy", "otto"}, id="the piece"),
        pytest.param("POST", PATH + "/site-1/gateway", {"amy"}, id="configure"),
    ],
)
def test_who_may_do_what(homes, method, path, may):
    for who in ("sam", "amy", "otto", "pat", "ron", "tess"):
        answer = homes.world.page(who, path) if method == "GET" else homes.world.send(who, path)
        assert (answer.status != 403) == (who in may), who
