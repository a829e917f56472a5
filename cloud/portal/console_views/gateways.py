"""Gateways: which may be two machines, which are still to come in, and what one has been through.

They are let in, replaced and ended at the terminal, where a token or a key goes into a file.
"""

from typing import Final

from cloud.portal.asking import Absent, Answer, Ask, Go, Page
from cloud.portal.console_views.ways import way_to
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.devices import CertificateState, DeviceSerial, DeviceState
from cloud.portfolio.models import Site
from cloud.portfolio.process.devices import device_subject
from cloud.reporting.roles import AMS, AUDITOR, SPC
from cloud.telemetry.configuring import gateway_subject
from cloud.telemetry.watching import OPEN, GatewayPresence, settle_suspicion

VIEWS = Views()
HERE: Final = "/console/gateways"
MOST: Final = 50
STATES: Final = {
    DeviceState.ADMITTED: ("wait", "Let in, not come yet"),
    DeviceState.PROVISIONED: ("wait", "Has a certificate, not connected yet"),
    DeviceState.LIVE: ("ok", "Live"),
    DeviceState.ENDED: ("done", "Ended"),
}
CERTIFICATES: Final = {
    CertificateState.ISSUED: ("wait", "Given, not used yet"),
    CertificateState.IN_USE: ("ok", "In use"),
    CertificateState.RETIRED: ("done", "Ended"),
}


@VIEWS.get(HERE, SPC, AMS, AUDITOR)
def gateways(ask: Ask) -> Page | Go:
    """Show what may be two machines and what is still to come in; find one by name or serial."""
    said = ask.query.get("q", "").strip()[:200]
    found = _named(ask, said) if said else ""
    if found:
        return Go(f"{HERE}/{found}")
    suspected = [
        one.record for one in ask.records.find(GatewayPresence, by="suspicion", value=OPEN)
    ]
    expected = [
        one.record
        for state in (DeviceState.ADMITTED, DeviceState.PROVISIONED)
        for one in ask.records.find(DeviceSerial, by="state", value=state)
    ]
    expected.sort(key=lambda one: (one.admitted_at, one.id), reverse=True)
    return Page(
        "console/gateways.html",
        "Gateways",
        {
            "said": said,
            "suspected": sorted(suspected, key=lambda one: (one.suspected_at or ask.at, one.id)),
            "expected": expected[:MOST],
            "most": MOST,
            "states": STATES,
        },
    )


def _named(ask: Ask, said: str) -> str:
    """Give the gateway of a serial number or of that name; empty where there is none."""
    device = ask.records.load(DeviceSerial, said)
    if device is not None:
        return device.record.gateway_id
    return said if _is_known(ask, said) else ""


def _is_known(ask: Ask, gateway_id: str) -> bool:
    return bool(ask.records.find(Site, by="gateway_id", value=gateway_id)) or bool(
        ask.records.find(DeviceSerial, by="gateway_id", value=gateway_id)
    )


@VIEWS.get(HERE + "/{gateway_id}", SPC, AMS, AUDITOR)
def one_gateway(ask: Ask) -> Page:
    """Show the devices that were a gateway, their certificates, and what happened to them."""
    return _page(ask)


@VIEWS.post(HERE + "/{gateway_id}/settle", AMS)
def settle(ask: Ask) -> Answer:
    """Say what a suspicion was: what was seen until now counts no more (DV-07, DV-08, DV-12)."""
    gateway_id, typed = ask.names["gateway_id"], Typed(ask.form)
    if ask.records.load(GatewayPresence, gateway_id) is None:
        raise Absent
    because = typed.text("because", "Say what you found.", most=500)
    if typed.as_typed:
        return _page(ask, typed.as_typed)
    settle_suspicion(ask.records, gateway_id=gateway_id, because=because, **ask.acting())
    return Go(f"{HERE}/{gateway_id}", said="It is noted. A new sign would be told anew.")


def _page(ask: Ask, typed: AsTyped | None = None) -> Page:
    gateway_id = ask.names["gateway_id"]
    sites = ask.records.find(Site, by="gateway_id", value=gateway_id)
    devices = [
        one.record for one in ask.records.find(DeviceSerial, by="gateway_id", value=gateway_id)
    ]
    presence = ask.records.load(GatewayPresence, gateway_id)
    if not (sites or devices or presence):
        raise Absent
    devices.sort(key=lambda one: one.admitted_at, reverse=True)
    subjects = (gateway_subject(gateway_id), *(device_subject(one.id) for one in devices))
    log = [event for subject in subjects for event in ask.log(subject, of="gateway")]
    log.sort(key=lambda one: one.at, reverse=True)
    site = sites[0].record if sites else None
    return Page(
        "console/gateway_life.html",
        f"Gateway {gateway_id}",
        {
            "gateway_id": gateway_id,
            "site": site,
            "site_to": way_to(ask, "site", site.id) if site else "",
            "devices": devices,
            "states": STATES,
            "certificates": CERTIFICATES,
            "presence": presence.record if presence else None,
            "is_suspected": presence is not None and presence.record.suspicion == OPEN,
            "may_settle": AMS in ask.visitor.roles,
            "log": log[:MOST],
            "most": MOST,
            "typed": typed,
        },
        status=422 if typed else 200,
    )
