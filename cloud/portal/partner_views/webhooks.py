"""Programs and webhooks: which programs call, where they are told, and what became of it."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from secrets import token_bytes, token_urlsafe

from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.secret import Secret
from cloud.portal.asking import Answer, Ask, Go, Page, done
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portal.whose import ADMIN
from cloud.portfolio.models import ApiClient
from cloud.reporting import endpoints
from cloud.reporting.feed import EVERY, PING, TYPES, ToldEvent, before_the_oldest
from cloud.reporting.policy import MOST_ENDPOINTS
from cloud.reporting.telling import endpoints_of, next_event, read_feed
from cloud.reporting.webhooks import (
    SECRET_BYTES,
    DeliveryState,
    EndpointHealth,
    Off,
    WebhookEndpoint,
    secret_of,
)

VIEWS = Views()
HERE = "/portal/webhooks"
ONE = HERE + "/{endpoint_id}"
PER_PAGE = 25
LEAST_DRAWN = 32
"""Characters that a form drew: 24 bytes, which nobody guesses."""
LATEST = 15
"""Events of the feed that the first page shows."""
OFF = {
    "": "On",
    "by_partner": "Switched off by you",
    "gone": "Switched off: it answered that it is gone (410)",
    "failed_too_long": "Switched off: it failed for days",
}
FAULTS = {
    "address_refused": "the address is none that we send to",
    "name_unknown": "the name leads nowhere",
    "unreachable": "no connection",
    "tls_failed": "its certificate does not hold",
    "bad_answer": "no proper answer",
    "timed_out": "no answer in time",
}
THINGS = sorted({one.partition(".")[0] for one in TYPES if one != PING})


@VIEWS.get(HERE, ADMIN)
def webhooks(ask: Ask) -> Page:
    """List programs and endpoints, with the latest events that were told."""
    return _page(ask)


@VIEWS.post(HERE, ADMIN)
def create(ask: Ask) -> Answer:
    """Have an endpoint told; its secret stands on the page that follows, and on none after it.

    The same form sent twice makes one endpoint and shows its secret both times (WH-12).
    """
    typed = Typed(ask.form)
    url = typed.text("url", "Write where events go, as https://hooks.yours.example/path.")
    if typed.as_typed is not None:
        return _page(ask, typed=typed.as_typed)
    form, secret = _drawn(ask, "new")
    try:
        made = endpoints.create(
            ask.records,
            ask.house.seals,
            partner_id=ask.partner_id,
            url=url,
            types=_types(ask),
            secret=secret,
            form=form,
            to_loopback=ask.house.to_loopback,
            **ask.acting(),
        )
    except BadInput as wrong:
        return _page(ask, typed=typed.refused(_sentence(str(wrong)), "url"))
    if isinstance(made, Refused):
        known = next(
            (one for one in endpoints_of(ask.records, ask.partner_id) if one.url == url), None
        )
        if known is not None and endpoints.is_sent_again(known, form=form, **ask.acting()):
            return _secret(known, secret)
        says = f"{_sentence(made.because)} (rule {made.rule})."
        if known is not None:
            says += " Its secret was shown when it was added; its own page makes a new one."
        return _page(ask, typed=typed.refused(says, "url"))
    return _secret(made, secret)


@VIEWS.get(ONE, ADMIN)
def one_endpoint(ask: Ask) -> Page:
    """Show one endpoint, and what was sent there or waits to be, with every try (WH-02)."""
    return _endpoint(ask, _own(ask))


@VIEWS.post(ONE, ADMIN)
def change(ask: Ask) -> Answer:
    """Change where an endpoint is and what it is told."""
    endpoint, typed = _own(ask), Typed(ask.form)
    url = typed.text("url", "Write where events go, as https://hooks.yours.example/path.")
    if typed.as_typed is not None:
        return _endpoint(ask, endpoint, typed=typed.as_typed)
    try:
        answer = endpoints.change(
            ask.records,
            endpoint_id=endpoint.id,
            partner_id=ask.partner_id,
            url=url,
            types=_types(ask),
            to_loopback=ask.house.to_loopback,
            **ask.acting(),
        )
    except BadInput as wrong:
        return _endpoint(ask, endpoint, typed=typed.refused(_sentence(str(wrong)), "url"))
    if isinstance(answer, Refused):
        says = f"{_sentence(answer.because)} (rule {answer.rule})."
        return _endpoint(ask, endpoint, typed=typed.refused(says, "url"))
    return Go(f"{HERE}/{endpoint.id}", said="It is changed.")


@VIEWS.post(ONE + "/switch", ADMIN)
def switch(ask: Ask) -> Go:
    """Switch an endpoint on or off; what is told meanwhile is not sent."""
    endpoint, is_on = _own(ask), ask.form["to"] == "on"
    answer = endpoints.change(
        ask.records,
        endpoint_id=endpoint.id,
        partner_id=ask.partner_id,
        is_active=is_on,
        **ask.acting(),
    )
    return done(
        answer, to=f"{HERE}/{endpoint.id}", said=f"It is switched {'on' if is_on else 'off'}."
    )


@VIEWS.post(ONE + "/rotate", ADMIN)
def rotate(ask: Ask) -> Answer:
    """Put a new secret in the place of the former one; both sign for a day (WH-05).

    The page says how often that was done, so that sending it again rotates no second time; it
    shows the same secret once more (WH-12).
    """
    endpoint = _own(ask)
    form, secret = _drawn(ask, endpoint.id)
    if ask.form["rotations"] != str(endpoint.rotations):
        if endpoints.is_sent_again(endpoint, form=form, **ask.acting()):
            return _secret(endpoint, secret, former_until=_former_until(endpoint, ask.at))
        said = "It has a new secret already. It was shown once; rotate again if you lost it."
        return Go(f"{HERE}/{endpoint.id}", said=said)
    after: WebhookEndpoint | Refused = endpoints.rotate(
        ask.records,
        ask.house.seals,
        endpoint_id=endpoint.id,
        partner_id=ask.partner_id,
        secret=secret,
        form=form,
        **ask.acting(),
    )
    if isinstance(after, Refused):
        return Go(f"{HERE}/{endpoint.id}", refused=after)
    return _secret(after, secret, former_until=_former_until(after, ask.at))


@VIEWS.post(ONE + "/test", ADMIN)
def test(ask: Ask) -> Go:
    """Have an event sent there that says nothing, `webhook_endpoint.ping`."""
    endpoint = _own(ask)
    answer = endpoints.ping(
        ask.records, endpoint_id=endpoint.id, partner_id=ask.partner_id, **ask.acting()
    )
    said = "An event is on its way; look below in a moment what became of it."
    return done(answer, to=f"{HERE}/{endpoint.id}", said=said)


@VIEWS.post(ONE + "/redeliver", ADMIN)
def redeliver(ask: Ask) -> Go:
    """Have one event sent there again."""
    endpoint = _own(ask)
    answer = endpoints.redeliver(
        ask.records,
        endpoint_id=endpoint.id,
        partner_id=ask.partner_id,
        event_id=ask.form["event"],
        at=ask.at,
    )
    return done(answer, to=f"{HERE}/{endpoint.id}", said="It is sent again.")


@VIEWS.post(ONE + "/delete", ADMIN)
def delete(ask: Ask) -> Go:
    """Send nothing there any more, and forget its secrets."""
    endpoint = _own(ask)
    endpoints.delete(
        ask.records, endpoint_id=endpoint.id, partner_id=ask.partner_id, **ask.acting()
    )
    return Go(HERE, said="The endpoint is deleted.")


# ---- what pages show -----------------------------------------------------------------------------


def _page(ask: Ask, *, typed: AsTyped | None = None) -> Page:
    programs = [
        one.record for one in ask.records.find(ApiClient, by="partner_id", value=ask.partner_id)
    ]
    found = endpoints_of(ask.records, ask.partner_id)
    healths = ask.records.load_all(EndpointHealth, [one.id for one in found])
    return Page(
        "partner/webhooks.html",
        "Programs and webhooks",
        {
            "programs": sorted(programs, key=lambda one: one.id),
            "endpoints": found,
            "healths": {name: stored.record for name, stored in healths.items()},
            "off": OFF,
            "most": MOST_ENDPOINTS.on(ask.at.date()),
            "events": _latest(ask),
            "things": THINGS,
            "chosen": set(ask.form.all("types")),
            "drawn": token_urlsafe(24),
            "typed": typed,
        },
        422 if typed else 200,
    )


def _latest(ask: Ask) -> Sequence[ToldEvent]:
    """Give the events that were told last, the newest first."""
    head = next_event(ask.records, ask.partner_id).record
    after = max(before_the_oldest(head, ask.at), head.last - LATEST)
    page = read_feed(
        ask.records,
        partner_id=ask.partner_id,
        after=after,
        limit=LATEST,
        with_money=True,
        at=ask.at,
    )
    return tuple(reversed(page.events))


def _endpoint(ask: Ask, endpoint: WebhookEndpoint, *, typed: AsTyped | None = None) -> Page:
    state = ask.query.get("state", "")
    state = state if state in set(DeliveryState) else ""
    below = ask.query.get("below", "")
    page = endpoints.deliveries(
        ask.records,
        endpoint,
        below=int(below) if below.isascii() and below.isdigit() and len(below) < 12 else None,
        limit=PER_PAGE,
        state=state,
        at=ask.at,
    )
    health = ask.records.load(EndpointHealth, endpoint.id)
    kept = f"&state={state}" if state else ""
    new, *_ = endpoint.signing(ask.at)
    return Page(
        "partner/webhook.html",
        "Webhook endpoint",
        {
            "it": endpoint,
            "says": OFF[endpoint.off],
            "is_on": endpoint.off is Off.NOT,
            "health": health.record if health else None,
            "secret": new.sealed.last4,
            "former_until": _former_until(endpoint, ask.at),
            "drawn": token_urlsafe(24),
            "page": page,
            "later": f"{HERE}/{endpoint.id}?below={page.below}{kept}" if page.has_more else "",
            "state": state,
            "filters": [
                ("", "All", None),
                *((one.value, one.title(), None) for one in DeliveryState),
            ],
            "faults": FAULTS,
            "things": THINGS,
            "chosen": set(ask.form.all("types")) if typed else _things(endpoint.types),
            "others": [one for one in endpoint.types if not one.endswith(EVERY)],
            "typed": typed,
        },
        422 if typed else 200,
    )


def _secret(
    endpoint: WebhookEndpoint, secret: Secret, *, former_until: datetime | None = None
) -> Page:
    """Give the one page that shows a secret; it is never kept in clear, nor in a cookie."""
    return Page(
        "partner/webhook_secret.html",
        "The signing secret",
        {"it": endpoint, "secret": secret.value, "former_until": former_until},
    )


def _drawn(ask: Ask, about: str) -> tuple[str, Secret]:
    """Give what a form drew when its page was made, and the secret that follows from it.

    Nobody can tell the secret from the form without our key. A form that drew nothing gets a secret
    of its own, which no other form shows.
    """
    drawn = ask.form["drawn"]
    if len(drawn) < LEAST_DRAWN:
        return "", secret_of(token_bytes(SECRET_BYTES))
    form = "\n".join(("webhook secret", ask.partner_id, ask.by, about, drawn))
    mac: bytes = ask.house.signatures.of(hashlib.sha256(form.encode()).digest())
    return form, secret_of(mac[:SECRET_BYTES])


def _former_until(endpoint: WebhookEndpoint, at: datetime) -> datetime | None:
    _, *former = endpoint.signing(at)
    return former[0].until if former else None


def _types(ask: Ask) -> tuple[str, ...]:
    """Give what an endpoint is told: the things that were ticked, and single types it had."""
    things = [f"{one}{EVERY}" for one in ask.form.all("types") if one in THINGS]
    singles = [one for one in ask.form.all("single") if one in TYPES]
    return (*sorted(set(things)), *sorted(set(singles)))


def _things(types: Sequence[str]) -> set[str]:
    return {one.removesuffix(EVERY) for one in types if one.endswith(EVERY)}


def _own(ask: Ask) -> WebhookEndpoint:
    return endpoints.own_endpoint(
        ask.records, endpoint_id=ask.names["endpoint_id"], partner_id=ask.partner_id
    ).record


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
