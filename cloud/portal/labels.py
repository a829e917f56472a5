"""What states are called on pages, and how they look: words and a sign, never a colour alone."""

from dataclasses import dataclass

from cloud.portal.shown import words

SIGNS = {
    "ok": "\N{HEAVY CHECK MARK}",
    "wait": "\N{WHITE CIRCLE}",
    "warn": "\N{BLACK UP-POINTING TRIANGLE}",
    "bad": "\N{HEAVY MULTIPLICATION X}",
    "calm": "\N{BULLET}",
    "done": "\N{BLACK SQUARE}",
}
"""Tone -> the sign beside the word, each of another shape (WCAG 2.2, 1.4.1)."""

_TONES: dict[str, str] = {
    **dict.fromkeys(
        [
            "accepted",
            "scheduled",
            "on_site",
            "kept",
            "paid",
            "approved",
            "agreed",
            "effective",
            "confirmed",
            "resolved",
            "met",
            "settled",
            "granted",
            "active",
            "complete",
            "completed",
            "verified",
            "clean",
            "matched",
            "sent",
            "delivered",
            "on_file",
            "released",
            "upheld",
        ],
        "ok",
    ),
    **dict.fromkeys(
        [
            "offered",
            "waiting",
            "submitted",
            "draft",
            "asked",
            "open",
            "requested",
            "proposed",
            "prepared",
            "pending",
            "new",
            "preparing",
            "ordered",
            "running",
            "queued",
            "scheduling",
            "awaiting_spend",
            "scanning",
            "unmatched",
            "planned",
            "in_review",
            "review",
            "received",
        ],
        "wait",
    ),
    **dict.fromkeys(
        [
            "reassignable",
            "paused",
            "acknowledged",
            "disputed",
            "held",
            "escalated",
            "expiring",
            "stalled",
            "awaiting_report",
            "contact_failed",
            "due_soon",
            "returned",
            "incomplete",
            "partial",
            "quarantined",
            "advisory",
            "on_hold",
            "red_soon",
            "shipped",
        ],
        "warn",
    ),
    **dict.fromkeys(
        [
            "declined",
            "spend_rejected",
            "expired",
            "expired_reassigned",
            "refused",
            "rejected",
            "overdue",
            "breached",
            "failed",
            "late",
            "blocked",
            "emergency",
            "missed",
            "clawed_back",
            "denied",
            "bounced",
            "invalid",
            "threat",
            "stopped",
            "voided",
        ],
        "bad",
    ),
    **dict.fromkeys(
        [
            "closed",
            "cancelled",
            "withdrawn",
            "reassigned",
            "ended",
            "retired",
            "filed",
            "archived",
            "lowered",
            "taken",
        ],
        "done",
    ),
}
"""State -> tone; what is not named here is calm."""


@dataclass(frozen=True, slots=True)
class Label:
    """A state as it is shown."""

    says: str
    tone: str
    sign: str


def label(state: object, says: str = "") -> Label:
    """Give how a state is shown; `says` where its name is not the word that people use."""
    name = str(getattr(state, "value", state)).lower()
    tone = _TONES.get(name, "calm")
    return Label(says or words(name), tone, SIGNS[tone])


def toned(tone: str, says: str) -> Label:
    """Give a label of a tone of the caller's choice, for what is no state by itself."""
    return Label(says, tone, SIGNS[tone])
