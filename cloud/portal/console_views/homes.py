"""Homes: what stands there, what it makes, its cases and orders, and its gateway."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cloud.detection.evidence import in_kwh, why
from cloud.detection.models import SiteBaseline, SiteTrack
from cloud.kernel.errors import BadInput, NotFound
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, Part
from cloud.portal.console_views.ways import names_of, way_to
from cloud.portal.evidence_charts import days_chart
from cloud.portal.families import family_words
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped, span
from cloud.portal.typed import Typed
from cloud.portfolio.models import Project, Site
from cloud.portfolio.process import equipment_of, warranties_of
from cloud.reporting.dispatch_board import orders_of_cases
from cloud.reporting.home_search import MOST, homes_like
from cloud.reporting.nearby import lines_of
from cloud.reporting.roles import ADMIN, AMS, AUDITOR, PROJECTS, RM, SPC
from cloud.service.cases import local_day
from cloud.service.models import Case
from cloud.telemetry.configuration import LOG_LEVELS
from cloud.telemetry.configuring import GatewayConfiguration, configure, gateway_subject
from cloud.telemetry.gateway_state import GatewayState, gateway_state

VIEWS = Views()
PATH = "/console/homes"
SEE_GATEWAYS = frozenset({SPC, AMS, AUDITOR})
SEE_DAYS = frozenset({SPC, AMS, AUDITOR})
MOST_DAYS = 30


@VIEWS.get(PATH, SPC, AMS, RM, PROJECTS, ADMIN, AUDITOR)
def search(ask: Ask) -> Page:
    """Find homes by address, customer, gateway, serial number or project."""
    said = ask.query.get("q", "").strip()[:200]
    found = homes_like(ask.records, said, on=ask.at.date()) if said else ()
    return Page(
        "console/homes.html",
        "Homes",
        {
            "said": said,
            "homes": found,
            "is_full": len(found) == MOST,
            "may_report": bool(ask.visitor.roles & {AMS, SPC}),
        },
    )


@VIEWS.get(PATH + "/{site_id}", SPC, AMS, RM, PROJECTS, ADMIN, AUDITOR)
def one_home(ask: Ask) -> Page:
    """Show one home."""
    site = _site(ask)
    roles = ask.visitor.roles
    sees_days, sees_gateway = bool(roles & SEE_DAYS), bool(roles & SEE_GATEWAYS)
    track = ask.records.load(SiteTrack, site.id) if sees_days else None
    lines = lines_of(track.record if track else None)[-MOST_DAYS:]
    cases = [one.record for one in ask.records.find(Case, by="site_id", value=site.id)]
    cases.sort(key=lambda one: (one.is_open, one.opened_at), reverse=True)
    orders = sorted(
        orders_of_cases(ask.records, cases),
        key=lambda one: (one.is_open, one.issued_at, one.id),
        reverse=True,
    )
    projects = [one.record for one in ask.records.find(Project, by="site_id", value=site.id)]
    baseline = ask.records.load(SiteBaseline, site.id)
    return Page(
        "console/home.html",
        site.address,
        {
            "site": site,
            "today": local_day(ask.at, site.time_zone),
            "lines": lines,
            "drawn": (
                days_chart(lines, title="Energy of the last days beside what was expected")
                if lines
                else ""
            ),
            "sees_days": sees_days,
            "sees_gateway": sees_gateway,
            "equipment": equipment_of(ask.records, site.id).record,
            "warranties": warranties_of(ask.records, site).warranties,
            "baseline": baseline.record if baseline else None,
            "cases": [(one, way_to(ask, "case", one.id)) for one in cases],
            "orders": [(one, way_to(ask, "work_order", one.id)) for one in orders],
            "projects": [(one, way_to(ask, "project", one.id)) for one in projects],
            "names": names_of(
                ask,
                (
                    site.installer_id,
                    site.workmanship_partner_id,
                    *(one.partner_id for one in orders),
                    *(one.partner_id for one in projects),
                ),
            ),
            "installer": way_to(ask, "partner", site.installer_id),
            "family_words": family_words,
            "why": why,
            "in_kwh": in_kwh,
            "may_report": bool(roles & {AMS, SPC}),
            "sees_warranties": bool(roles & {SPC, AMS, RM, ADMIN, AUDITOR}),
        },
    )


# ---- the gateway ---------------------------------------------------------------------------------


@VIEWS.get(PATH + "/{site_id}/gateway_now", SPC, AMS, AUDITOR)
def gateway_now(ask: Ask) -> Part:
    """Show shortly what the home's gateway told last; it reads chunks, so it comes by itself."""
    site = _site(ask)
    return Part("console/gateway_now.html", {"state": _state(ask, site), "site": site})


@VIEWS.get(PATH + "/{site_id}/gateway", SPC, AMS, AUDITOR)
def gateway(ask: Ask) -> Page:
    """Show all that a gateway told last, what it was told, and the form to tell it otherwise."""
    return _gateway_page(ask)


@VIEWS.post(PATH + "/{site_id}/gateway", AMS)
def configure_gateway(ask: Ask) -> Answer:
    """Tell a gateway what shall differ from its settings file; nothing filled in takes all back."""
    site, typed = _site(ask), Typed(ask.form)
    if ask.house.downlink is None:
        raise Absent
    changes = {} if ask.form.has("take_back") else _changes(typed)
    if typed.as_typed:
        return _gateway_page(ask, typed.as_typed)
    try:
        configure(
            ask.records,
            ask.house.downlink,
            gateway_id=site.gateway_id,
            changes=changes,
            **ask.acting(),
        )
    except BadInput as wrong:
        said = str(wrong).removeprefix("configuring a gateway: ")
        return _gateway_page(ask, typed.refused(f"The gateway would refuse this: {said}."))
    said = "It was sent. The gateway tries it for ten minutes, and its chunks then tell of it."
    return Go(f"{PATH}/{site.id}/gateway", said=said)


def _changes(typed: Typed) -> dict[str, Any]:
    """Read what shall differ; a field that is empty says that the gateway's own file counts."""
    found: dict[str, Any] = {
        "poll_s": typed.whole("poll_s", least=1, most=86_400),
        "window_s": typed.whole("window_s", least=1, most=86_400),
        "log": typed.text("log", most=20) or None,
    }
    text = typed.text("device", most=8000)
    if text:
        try:
            found["device"] = json.loads(text)
        except (ValueError, RecursionError):
            typed.is_wrong("device", "This is no JSON list of devices: check brackets and commas.")
    changes = {name: value for name, value in found.items() if value is not None}
    if not changes:
        typed.is_wrong("", "Nothing is filled in. To go by the gateway's own file, take it back.")
    return changes


def _gateway_page(ask: Ask, typed: AsTyped | None = None) -> Page:
    site = _site(ask)
    state = _state(ask, site)
    return Page(
        "console/gateway.html",
        f"Gateway {site.gateway_id}",
        {
            "site": site,
            "state": state,
            "health": _health(state),
            "log": list(reversed(ask.log(gateway_subject(site.gateway_id), of="gateway")))[:50],
            "now_set": _now_set(state.configuration),
            "levels": [(one, one) for one in LOG_LEVELS],
            "may_configure": AMS in ask.visitor.roles,
            "typed": typed,
        },
        status=422 if typed else 200,
    )


def _state(ask: Ask, site: Site) -> GatewayState:
    if ask.house.chunks is None:
        raise Absent
    try:
        return gateway_state(ask.records, ask.house.chunks, gateway_id=site.gateway_id, at=ask.at)
    except NotFound as gone:
        raise Absent from gone


def _health(state: GatewayState) -> list[tuple[str, object]]:
    """Give what the gateway tells of itself, in words where there are some."""
    told = state.last.health if state.last else {}
    known = {name: value for name, value in told.items() if value is not None}
    for name in _SECONDS & set(known):
        known[name] = span(timedelta(seconds=float(known[name])))
    return [(_HEALTH.get(name, name), value) for name, value in known.items()]


_HEALTH = {
    "ver": "Version of the agent",
    "up": "Running for",
    "queue": "Chunks that wait",
    "silent": "Devices that do not answer",
    "ack_age": "Last acknowledged before",
    "old_s": "Oldest chunk that waits",
    "held": "Readings that wait for the clock",
    "clk_off": "Clock was put right by, seconds",
    "lost": "Readings dropped: the queue was full",
    "cert_d": "Days until its certificate ends",
    "rss_mb": "Memory of its process, MB",
    "disk_mb": "Free disk, MB",
    "ram": "Readings in memory only",
    "thin": "Readings thinned: the queue was full",
    "deaf": "Commands are not let through",
    "cfg": "Goes by configuration",
    "cfg_try": "Tries configuration",
    "cfg_no": "Refused configuration",
    "cfg_why": "Refused because",
}


_SECONDS = frozenset({"up", "ack_age", "old_s"})


def _now_set(asked: GatewayConfiguration | None) -> Mapping[str, Any]:
    """Give what the gateway was last told, for the form to begin with; it replaces the whole."""
    if asked is None:
        return {}
    now = dict(json.loads(asked.message).get("set", {}))
    if "device" in now:
        now["device"] = json.dumps(now["device"], indent=1)
    return now


def _site(ask: Ask) -> Site:
    found = ask.records.load(Site, ask.names["site_id"])
    if found is None:
        raise Absent
    return found.record
