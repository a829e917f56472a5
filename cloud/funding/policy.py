"""What was agreed about funding: every number, its source and the day from which it holds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from types import MappingProxyType
from zoneinfo import ZoneInfo

from cloud.kernel.calendar import EASTERN, US_BANK
from cloud.kernel.money import Money
from cloud.kernel.policy import DESIGN, FUNDING_ARTICLE, Rule, Source

FIRST_DAY = date(2025, 1, 1)
STANDARD = "standard"
"""A second programme, by newer public values: it shows what adding one takes."""
PACIFIC = ZoneInfo("America/Los_Angeles")
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = range(4)

_TIMING = Source(FUNDING_ARTICLE, "Details & Timing, Timing")
_DOCUMENTS = Source(FUNDING_ARTICLE, "Details & Timing, Documents Required")
_CLAWBACK = Source(FUNDING_ARTICLE, "Details & Timing, Clawback")
_QUESTIONS = Source(FUNDING_ARTICLE, "Details & Timing, Questions & Contact")
_EXTENSION = Source(FUNDING_ARTICLE, "Clawback Extension Requests")
_REASONS = Source(FUNDING_ARTICLE, "Clawback Extension Reasons and Timeline")
_EXPOSURE = Source(FUNDING_ARTICLE, "Total Extension Exposure")
_SUBMIT = Source(FUNDING_ARTICLE, "How to Submit an Clawback Extension Request")
_DASHBOARD = Source(FUNDING_ARTICLE, "Clawback and Net-Fund Dashboard")
_DEFINITIONS = Source(FUNDING_ARTICLE, "Key Definitions")
_SCENARIOS = Source(FUNDING_ARTICLE, "Example Funding Scenarios")
_PORTAL = Source(FUNDING_ARTICLE, "How it Works in the Portal")
_EXPORT = Source(FUNDING_ARTICLE, "Exporting Account Data")
_DIRECT_PAY = Source(FUNDING_ARTICLE, "Direct Pay")
_DESIGN = Source(DESIGN, "0014 Readings of the articles, Funding")


@dataclass(frozen=True, slots=True)
class Cycle:
    """One of the week's runs: the weekday whose cut-off ends its window, the weekday it pays."""

    cut_off_weekday: int
    funding_weekday: int


@dataclass(frozen=True, slots=True)
class CutOff:
    """The wall time at which one window ends and the next begins."""

    at: time
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class ExposureCap:
    """What may be postponed at most: a share of the backlog and a fixed amount; both bind."""

    share_bps: int
    amount: Money


@dataclass(frozen=True, slots=True)
class WarrantyOffset:
    """A part number that carries an offset, and how much it is for a project."""

    part_number: re.Pattern[str]
    amount: Money


@dataclass(frozen=True, slots=True)
class RunBreaker:
    """What makes a run unusual: so far above the median of so many before, and not small.

    Attributes:
        runs: of how many before at most.
        after: with fewer before, nothing is unusual.
    """

    above_bps: int
    runs: int
    after: int
    at_least: Money


@dataclass(frozen=True, slots=True)
class LimitEnd:
    """When a limit counts as missed: so many days after its last day, at that Eastern time."""

    days_after: int
    at: time


F01 = Rule(
    id="F01",
    unit="weekdays: cut-off -> funding",
    source=_TIMING,
    says="milestones are paid twice a week: the window that ends on Monday on Tuesday, "
    "the one that ends on Wednesday on Thursday",
    values={FIRST_DAY: (Cycle(MONDAY, TUESDAY), Cycle(WEDNESDAY, THURSDAY))},
    note="A run is named for its programme and its regular funding date, also when it is moved.",
)
F02 = Rule(
    id="F02",
    unit="wall time of the cut-off",
    source=_TIMING,
    says="what is recorded before 2:31 in the morning, Eastern time, is in the window that ends",
    values={FIRST_DAY: CutOff(time(2, 31), EASTERN)},
    note="The article gives minutes, so its 2:30 lasts until 2:30:59.999: windows are half-open "
    "at 02:31:00 and leave neither gap nor overlap. In the weeks of a clock change the longer "
    "window lasts 119 or 121 hours.",
    programmes={STANDARD: {FIRST_DAY: CutOff(time(17), PACIFIC)}},
)
F03 = Rule(
    id="F03",
    unit="US dollars an entry may carry when it must settle on the day of its file",
    source=_TIMING,
    says="where a bank holiday falls on a funding day, a published day takes its place",
    values={FIRST_DAY: Money(1_000_000_00)},
    note="A publication counts when it was made before the window's cut-off and names a banking "
    "day not before the cut-off's day; the latest wins. With none it is the next banking day. A "
    "Monday holiday leaves no banking day before Tuesday: the funding day stays, the file goes "
    "same-day, and entries above the same-day limit are flagged at approval.",
)
F04 = Rule(
    id="F04",
    unit="standard entry class of the bank file",
    source=_TIMING,
    says="money leaves by ACH; at what hour it arrives depends on the receiving bank",
    values={FIRST_DAY: "CCD"},
    note="Corporate credits; we show pending, sent, settled or returned, and never promise an hour",
)
F05 = Rule(
    id="F05",
    unit="documents",
    source=_DOCUMENTS,
    says="nobody is paid before a W-9 and a bank payment authorization are on file",
    values={FIRST_DAY: ("w9", "bank_authorization")},
    note="Work is accrued meanwhile and is not lost.",
)
F06 = Rule(
    id="F06",
    unit="days",
    source=_CLAWBACK,
    says="a file that has no installation 160 days after NTP may be cancelled",
    values={FIRST_DAY: 160},
    note="Eastern calendar days, met on day 160 and missed from day 161. It is a right, so the "
    "file is flagged and two people cancel it; nothing cancels itself.",
)
F07 = Rule(
    id="F07",
    unit="days",
    source=_CLAWBACK,
    says="from M1 to Activation Approved there are 115 days by contract",
    values={FIRST_DAY: 115},
    note="This date is shown and reported; money moves on F08.",
    programmes={STANDARD: {FIRST_DAY: 90}},
)
F08 = Rule(
    id="F08",
    unit="days added to F07",
    source=_SCENARIOS,
    says="no payment date being known, M1 money is clawed back five days later, after 120 days "
    "from the M1 milestone date",
    values={FIRST_DAY: 5},
    note="Met on day 120, missed from day 121. The whole M1 payment is taken.",
)
F09 = Rule(
    id="F09",
    unit="bases that a payment plan may name",
    source=_SCENARIOS,
    says="the M1 milestone date is that of Install Submitted or of Install Approved",
    values={FIRST_DAY: ("install_submitted", "install_approved")},
    note="The one on which the organisation's payment plan pays M1, pinned on the project at M1.",
)
F10 = Rule(
    id="F10",
    unit="milestones",
    source=_CLAWBACK,
    says="commission paid before installation may be netted against M1 and M2 money when the "
    "customer cancels",
    values={FIRST_DAY: ("M1", "M2")},
    note="Against no other money, and last in the order of offsets.",
)
F11 = Rule(
    id="F11",
    unit="fields of a request",
    source=_SUBMIT,
    says="an extension request gives six facts about one account",
    values={
        FIRST_DAY: (
            "account_finco_id",
            "account_primary_name",
            "eta_of_pto",
            "extension_request_deadline",
            "install_submission_date",
            "reason",
        )
    },
)
F12 = Rule(
    id="F12",
    unit="days",
    source=_EXTENSION,
    says="a request is decided within one week of its submission",
    values={FIRST_DAY: 7},
    note="Calendar days.",
)
F13 = Rule(
    id="F13",
    unit="status of a request that pauses",
    source=_EXTENSION,
    says="a granted extension pauses the transaction and so postpones its clawback",
    values={FIRST_DAY: "approved"},
    note="A pending request pauses nothing. Paused is shown from day 121; until then the clock "
    "runs. A clawback that is there already is paused at once.",
)
_REASON_DAYS: Mapping[str, int | None] = MappingProxyType(
    {
        "transformer_upgrade": 30,
        "main_panel_upgrade": 30,
        "utility_ahj_delay": 14,
        "pto_approved_m2_correction": 14,
        "customer_escalation": 14,
        "ca_co_market": 30,
        "other": None,
    }
)
_LONGER_FOR_UTILITIES = MappingProxyType({**_REASON_DAYS, "utility_ahj_delay": 30})
F14 = Rule(
    id="F14",
    unit="days by reason",
    source=_REASONS,
    says="each reason has its length; for other reasons the approver sets it",
    values={FIRST_DAY: _REASON_DAYS},
    note="Days are added to the 115 and the 120, and separately granted ones add up: the article "
    "itself counts 30 days as a duration of 145.",
    programmes={STANDARD: {FIRST_DAY: _LONGER_FOR_UTILITIES}},
)
F15 = Rule(
    id="F15",
    unit="markets",
    source=_REASONS,
    says="the market reason is open to projects in California and Colorado",
    values={FIRST_DAY: frozenset({"CA", "CO"})},
    note="A reason to be asked for, not an automatic extension.",
    programmes={STANDARD: {FIRST_DAY: frozenset({"CA", "CO", "GA", "AEP-TX"})}},
)
F16 = Rule(
    id="F16",
    unit="basis points of the backlog, and US dollars",
    source=_EXPOSURE,
    says="what is extended never exceeds a tenth of the installed but not activated backlog, "
    "nor half a million dollars",
    values={FIRST_DAY: ExposureCap(1_000, Money(500_000_00))},
    note="Both bind, so the smaller counts; equality is allowed; per partner; the amount is the "
    "M1 money whose clawback is postponed. Checked in the transaction that grants.",
    programmes={STANDARD: {FIRST_DAY: ExposureCap(500, Money(500_000_00))}},
)
F17 = Rule(
    id="F17",
    unit="documents",
    source=_EXPOSURE,
    says="an e-mail or another proof of the delay is uploaded with the request",
    values={FIRST_DAY: ("proof_document",)},
)
F18 = Rule(
    id="F18",
    unit="facts that hold a project's money",
    source=_CLAWBACK,
    says="an open compliance case or administrative stip withholds the project's money; "
    "malpractice may be offset",
    values={FIRST_DAY: ("compliance_case_open", "administrative_stip_open")},
    note="Holding is automatic; an amount is only taken when one person decides and another agrees",
)
F19 = Rule(
    id="F19",
    unit="days",
    source=_SCENARIOS,
    says="the M1 packet is submitted within 14 days of the vendor's shipment, else the material "
    "is offset",
    values={FIRST_DAY: 14},
    note="Met on day 14, missed from day 15.",
)
F20 = Rule(
    id="F20",
    unit="event that starts the 14 days again",
    source=_SCENARIOS,
    says="an invoice that arrives after the shipment starts the 14 days again",
    values={FIRST_DAY: "invoice_received"},
    note="The later of shipment and last invoice counts, until the net fund is posted. Without "
    "an invoice there is no amount: we wait.",
)
F21 = Rule(
    id="F21",
    unit="days",
    source=_SCENARIOS,
    says="from Install Submitted there are 30 days to Install Approved, else the material is "
    "offset",
    values={FIRST_DAY: 30},
    note="Met on day 30, missed from day 31.",
)
F22 = Rule(
    id="F22",
    unit="times an invoice is recovered",
    source=_SCENARIOS,
    says="the vendor's invoice is offset from money owed for other milestones",
    values={FIRST_DAY: 1},
    note="Once per invoice, whichever limit was missed first.",
)
F23 = Rule(
    id="F23",
    unit="US dollars a project",
    source=_SCENARIOS,
    says="a project sold with one of the listed Tesla inverters carries a $600 warranty offset "
    "at M1",
    values={
        FIRST_DAY: WarrantyOffset(
            re.compile(r"1538000-[0-9A-Z]{2}-[0-9A-Z](--[0-9A-Z]+)?"), Money(600_00)
        )
    },
    note="Letters in the article's part numbers are wildcards, and the second form covers the "
    "first. A device identification (part number, two dashes, serial) names the same part. Once "
    "a project, however many inverters.",
)
F24: Rule[Mapping[str, Money]] = Rule(
    id="F24",
    unit="US dollars a unit by model",
    source=_SCENARIOS,
    says="a project sold with SolarEdge inverters carries the price of the extended warranty at M1",
    values={FIRST_DAY: MappingProxyType({})},
    note="Per unit, from a dated price table that the owner's accounting enters; the article only "
    "points to it. A model without a price blocks M1 with a reason and is never a silent zero.",
)
F25 = Rule(
    id="F25",
    unit="payments that a cancellation takes back",
    source=_SCENARIOS,
    says="when a project cancels, what was paid to the partner and to a vendor is offset",
    values={FIRST_DAY: ("milestone", "vendor")},
    note="Less what was recovered already; never below zero.",
)
F26 = Rule(
    id="F26",
    unit="kinds that are returned on Activation Approved",
    source=_DEFINITIONS,
    says="a clawback is money that the partner is entitled to; a net fund is not",
    values={FIRST_DAY: ("clawback_m1",)},
    note="So a recovered clawback is payable again on activation and its open part is dropped; "
    "net funds and clawbacks to net fund are never returned.",
)
F27 = Rule(
    id="F27",
    unit="role",
    source=_PORTAL,
    says="payouts, the clawback report, the export and funding questions are for Accounting Admins",
    values={FIRST_DAY: "accounting_admin"},
    note="Of the same organisation; an Accounting Admin grants the role, the owner the first one.",
)
F28 = Rule(
    id="F28",
    unit="days left at which a row is red, by clock, in the order of the report",
    source=_DASHBOARD,
    says="the risk report lists projects by milestone and age; red rows need action at once",
    values={
        FIRST_DAY: MappingProxyType(
            {"ntp_to_m1": 14, "material_submit": 5, "material_approve": 7, "m1_to_m2": 14}
        )
    },
    note="The article gives no numbers: one week to decide and one cycle for the long clocks, "
    "about a third and a quarter of the short ones.",
)
F29 = Rule(
    id="F29",
    unit="rows",
    source=_EXPORT,
    says="small exports are downloaded at once, large ones are announced by mail",
    values={FIRST_DAY: 5_000},
    note="The size is ours: a larger answer does not fit a synchronous response.",
)
F30 = Rule(
    id="F30",
    unit="enrolment of a new account whose organisation opted in",
    source=_DIRECT_PAY,
    says="an organisation opts into Direct Pay as a whole, and its new accounts start enrolled",
    values={FIRST_DAY: True},
)
F31 = Rule(
    id="F31",
    unit="document",
    source=_DIRECT_PAY,
    says="a Direct Pay project is paid once the vendor's final invoice is there",
    values={FIRST_DAY: "vendor_invoice"},
    note="Holds all of the project's money; arrival, or opting out, clears it by itself.",
)
F32 = Rule(
    id="F32",
    unit="tab",
    source=_DIRECT_PAY,
    says="a tab lists the projects whose vendor invoice is outstanding",
    values={FIRST_DAY: "invoice_needed"},
    note="Enrolled, M1 submitted, invoice not final.",
)
F33 = Rule(
    id="F33",
    unit="event that closes the choice",
    source=_DIRECT_PAY,
    says="a deal can leave or join Direct Pay until the vendor ships",
    values={FIRST_DAY: "shipped"},
    note="Refused from the instant of shipment.",
)
F34 = Rule(
    id="F34",
    unit="who the vendor bills: enrolled, not enrolled",
    source=_DIRECT_PAY,
    says="the vendor is told of each change and bills the partner for a deal that left",
    values={FIRST_DAY: ("owner", "epc")},
    note="Once per real change; choosing what already holds tells nobody.",
)
F35 = Rule(
    id="F35",
    unit="tabs",
    source=_PORTAL,
    says="the payouts page shows where a payment stands",
    values={FIRST_DAY: ("queued", "approved", "paused", "invoice_needed", "all")},
    note="Queued before accounting's review, Approved after it, All once it is in a run; paid is "
    "a filter, not a tab.",
)
F36 = Rule(
    id="F36",
    unit="action",
    source=_QUESTIONS,
    says="funding questions go to second-line support, from Accounting Admins only",
    values={FIRST_DAY: "ask_tier2"},
)
D01 = Rule(
    id="D01",
    unit="times a run pays",
    source=_DESIGN,
    says="a run pays each partner once, however often and wherever it was interrupted",
    values={FIRST_DAY: 1},
)
D02 = Rule(
    id="D02",
    unit="kinds of offset in the order in which they are taken",
    source=_DESIGN,
    says="offsets never take more than there is; what is left stays open and is shown",
    values={
        FIRST_DAY: (
            "project_net_fund",
            "equipment",
            "revocation",
            "cancellation",
            "material",
            "compliance",
            "back_bill",
            "clawback_m1",
            "prepaid_commission",
        )
    },
    note="Money that the partner is not entitled to comes before money that it is; inside a kind "
    "the oldest, then the lower id. A project net fund is taken at that project's own funding "
    "(the article says: at its M1 funding) and therefore from that project's money only; its "
    "rest waits for the project's next milestone. All other kinds take from any money of the "
    "partner, and from money that is neither M1 nor M2 first, so that commission finds its own.",
)
D03 = Rule(
    id="D03",
    unit="people",
    source=_DESIGN,
    says="who prepared a run does not approve it; the approver is of accounting and approves "
    "what was shown",
    values={FIRST_DAY: 2},
    note="The approval names the hash of all plans; any change since makes it stale.",
)
D04 = Rule(
    id="D04",
    unit="return codes that block the bank account",
    source=_DESIGN,
    says="a returned payment is payable again; codes about the account ask for a new authorization",
    values={FIRST_DAY: frozenset({"R02", "R03", "R04", "R12", "R13", "R16", "R17", "R20", "R28"})},
    note="Nacha Operating Rules, Appendix Four. R24 (duplicate) goes to suspense; R06, R23, R24 "
    "and R31 go to a person, and so do codes that belong to debits. R61 to R79 are the banks' "
    "dispute about a return: they move nothing until a person looked.",
)
D05 = Rule(
    id="D05",
    unit="zone whose calendar days choose a version",
    source=_DESIGN,
    says="a version of the rules holds from its first day on, and never changes what was before",
    values={FIRST_DAY: EASTERN.key},
    note="Clocks go by their start, requests by submission, the cap by the decision, a run by its "
    "cut-off.",
)
D06 = Rule(
    id="D06",
    unit="place in the plan that takes the remainder",
    source=_DESIGN,
    says="a project's value is split exactly: each milestone rounded down, the last takes the rest",
    values={FIRST_DAY: -1},
)
D07 = Rule(
    id="D07",
    unit="calendar",
    source=_DESIGN,
    says="banking days are those of the Federal Reserve Banks",
    values={FIRST_DAY: US_BANK},
    note="A Saturday holiday leaves Friday open; a Sunday one closes Monday.",
)

D08 = Rule(
    id="D08",
    unit="type of the reduction",
    source=_DESIGN,
    says="a milestone that is revoked gives back what it paid, as a net fund",
    values={FIRST_DAY: "Net Fund/Offset"},
    note="What no run took yet is withdrawn. What a clawback recovered of it already is not taken "
    "again; reaching the milestone anew pays anew.",
)
D10 = Rule(
    id="D10",
    unit="basis points of the median of the runs before, and how many of those it looks at",
    source=_DESIGN,
    says="a run far above the runs before it is held until somebody looked at why",
    values={FIRST_DAY: RunBreaker(above_bps=25_000, runs=8, after=4, at_least=Money(50_000_00))},
    note="Of the total, and of each partner's payment. A run below the least amount, and the first "
    "four, are not unusual. Who lets it go on is neither its preparer nor its approver.",
)
D11 = Rule(
    id="D11",
    unit="banking days between a prenote and the first payment",
    source=_DESIGN,
    says="the bank is asked about a new account before money goes there",
    values={FIRST_DAY: 3},
    note="Nacha Operating Rules, Subsection 2.6.2: no answer within three banking days is a good "
    "answer. Accounts that were paid to before the rule need none.",
)

D40 = Rule(
    id="D40",
    unit="people at least whom it takes to approve a run and to send its file",
    source=_DESIGN,
    says="the bank gets a file once: who sends it, or says what the bank did, is neither who "
    "prepared nor who approved, and what is not sure is asked and never sent again blindly",
    values={FIRST_DAY: 2},
    note="That it is being handed over is on record before the first byte leaves. Banks take files "
    "away once they read them, so that a file which is not there says nothing.",
)
D41 = Rule(
    id="D41",
    unit="people who decide on money that came back by mistake, or is called back",
    source=_DESIGN,
    says="a payment is reversed, and money in suspense assigned, by two people who say why",
    values={FIRST_DAY: 2},
)

D44 = Rule(
    id="D44",
    unit="days before the funding date on which a run may be settled",
    source=_DESIGN,
    says="a run is paid out on its funding date or later; nobody says so before",
    values={FIRST_DAY: 0},
    note="The Effective Entry Date of its batches (Nacha Operating Rules, Appendix Three). A run "
    "without a file, because deductions took everything, waits for no bank.",
)

D12 = Rule(
    id="D12",
    unit="days without money in a run, and between one letter and the next",
    source=_DESIGN,
    says="a partner that owes, and that no run paid anything to, is written to every thirty days",
    values={FIRST_DAY: 30},
    note="Counted from the oldest open debt or from the last run that took one of its payables, "
    "whichever is later. What an extension postpones is not asked for.",
)
D13 = Rule(
    id="D13",
    unit="ways in which a debt is settled by hand",
    source=_DESIGN,
    says="a debt that no run can take is paid by check or wire, or written off, by two people",
    values={FIRST_DAY: ("paid_by_check", "wire", "written_off")},
    note="What was written off was not taken from the partner, and is not returned to it on "
    "activation; it is not asked for again either.",
)
D14 = Rule(
    id="D14",
    unit="what a revocation, a clawback or a compliance amount may take at most",
    source=_DESIGN,
    says="no project gives back more than runs took for it",
    values={FIRST_DAY: "paid_less_taken_back"},
    note="Revocation, clawback, compliance and cancellation share that limit; warranty and "
    "material are costs of their own. A cancellation that finds more or less paid than it asked "
    "for, for instance by a late vendor invoice, is corrected by the difference.",
)
D34 = Rule(
    id="D34",
    unit="days at which an age class ends",
    source=_DESIGN,
    says="what runs, waits or is owed is shown by its age",
    values={FIRST_DAY: (30, 60, 90, 120)},
    note="Both ends included: day 30 is the last of the first class. 120 is the money clock (F08).",
)
D35 = Rule(
    id="D35",
    unit="days",
    source=_DESIGN,
    says="an export that was announced by mail can be downloaded for this long",
    values={FIRST_DAY: 30},
    note="It is as of the day on which it was made; later, one asks for a new one.",
)
D36 = Rule(
    id="D36",
    unit="minutes",
    source=_DESIGN,
    says="an address that shows a remittance advice or an export works for this long",
    values={FIRST_DAY: 5},
)
D37 = Rule(
    id="D37",
    unit="words for how a payment stands",
    source=_DESIGN,
    says="a partner is told whether a payment waits, is with the bank, was paid or came back",
    values={FIRST_DAY: ("pending", "sent", "settled", "returned", "withdrawn")},
    note="F04's words; withdrawn is what was taken back before any run took it. What a run pays "
    "wholly into deductions is settled with the run.",
)

D20 = Rule(
    id="D20",
    unit="contact of a partner that a funding day is published to",
    source=_DESIGN,
    says="a published funding day is written to every partner once, and stands in the calendar",
    values={FIRST_DAY: "remittance_email"},
    note="A later publication for the same run is another one, and is written again.",
)
D21 = Rule(
    id="D21",
    unit="days",
    source=_DESIGN,
    says="for other reasons an extension lasts at least one day and at most 60",
    values={FIRST_DAY: 60},
    note="The article leaves the days to whoever decides; the most is twice the longest reason, "
    "and keeps a slip of the pen from postponing a clawback for years.",
)
D22 = Rule(
    id="D22",
    unit="messages of a ticket",
    source=_DESIGN,
    says="a question with its answers holds 20 messages; what goes on is another ticket",
    values={FIRST_DAY: 20},
)
D23 = Rule(
    id="D23",
    unit="reasons that ask for a market",
    source=_DESIGN,
    says="the market reason is the only one that looks at where the project is",
    values={FIRST_DAY: frozenset({"ca_co_market"})},
    note="Another programme names its own reason and its own markets (F14, F15).",
)
D24 = Rule(
    id="D24",
    unit="thousands of the numbers of bank lines at which a programme begins",
    source=_DESIGN,
    says="runs of two programmes on one day never give two bank lines one trace number",
    values={FIRST_DAY: 0},
    programmes={STANDARD: {FIRST_DAY: 1}},
    note="A trace number has three digits for the run and four for the line; a programme that is "
    "added begins at a thousand of its own.",
)

_NEXT_DAY = LimitEnd(1, time(0))
D26 = Rule(
    id="D26",
    unit="days after a material limit's last day, and Eastern time, from which it is missed",
    source=_DESIGN,
    says="a material limit is missed from the first instant of the day after its last",
    values={
        FIRST_DAY: MappingProxyType({"material_submit": _NEXT_DAY, "material_approve": _NEXT_DAY})
    },
    programmes={
        STANDARD: {
            FIRST_DAY: MappingProxyType(
                {"material_submit": LimitEnd(0, time(8)), "material_approve": _NEXT_DAY}
            )
        }
    },
    note="Newer public texts take the material on the morning of the 14th day itself, at 8:00; a "
    "programme may say so.",
)
D27 = Rule(
    id="D27",
    unit="invoices that a vendor may send for one project",
    source=_DESIGN,
    says="a project's equipment comes on a handful of invoices; past a dozen somebody looks first",
    values={FIRST_DAY: 12},
    note="All of them change together when the project leaves Direct Pay, in one transaction.",
)
D28 = Rule(
    id="D28",
    unit="times a vendor may use an invoice number",
    source=_DESIGN,
    says="a vendor's invoice is known by its number: the same one again is the same invoice, and "
    "another under its number is refused",
    values={FIRST_DAY: 1},
    note="The number with the same amount may come again as final. A vendor that credits an "
    "invoice in part voids it and bills the rest under a new number.",
)
D29 = Rule(
    id="D29",
    unit="who owes the vendor what it billed before the project left",
    source=_DESIGN,
    says="a deal that leaves Direct Pay before the shipment takes its invoices along: the vendor "
    "bills the partner for them, and nothing of them is taken from its money",
    values={FIRST_DAY: "epc"},
    note="What a run took for them already is paid back. A shipment of which the vendor tells us "
    "after the choice leaves the choice as it is, and is pointed out in the log.",
)
D42 = Rule(
    id="D42",
    unit="basis points of a project's value that vendors may bill for it in all",
    source=_DESIGN,
    says="equipment costs no more than the whole project pays; a larger invoice is refused",
    values={FIRST_DAY: 10_000},
    note="It is taken from the partner by itself, so that a slip of the pen would be. Exactly the "
    "value is taken in. Where the bill is right the project's value is corrected first; what was "
    "voided does not count.",
)
D43 = Rule(
    id="D43",
    unit="days after the regular date",
    source=_DESIGN,
    says="a run is paid at most a week after its regular date, whatever is announced",
    values={FIRST_DAY: 7},
    note="The seventh day may still be announced. A wrong month or year is a later day than that, "
    "and would be written to every partner. Until the cut-off an announcement can be replaced or "
    "withdrawn; withdrawn, all of them for that run are, and partners are written to again.",
)

D30 = Rule(
    id="D30",
    unit="banking days after settlement",
    source=_DESIGN,
    says="a payment that should not have been made is taken back within five banking days, or not "
    "through the bank",
    values={FIRST_DAY: 5},
    note="Nacha Operating Rules, Subsection 2.9.1; the day of the settlement is not counted. By "
    "two people; the whole amount, from the account that it went to.",
)
D31 = Rule(
    id="D31",
    unit="reasons",
    source=_DESIGN,
    says="a payment is taken back because it was made twice, to another, of another amount or "
    "later than meant, and for no other reason",
    values={FIRST_DAY: ("duplicate", "wrong_receiver", "wrong_amount", "wrong_date")},
    note="Nacha Operating Rules, Subsection 2.9.1. What a partner owes is netted, never reversed.",
)
D33 = Rule(
    id="D33",
    unit="wall time, Eastern",
    source=_DESIGN,
    says="a file that must settle on its own day asks for the last settlement of that day",
    values={FIRST_DAY: time(18, 0)},
    note="Nacha's optional same-day indicator in Company Descriptive Date. The effective day alone "
    "decides; the last settlement is the one that a file of any hour can still make.",
)

RULES: tuple[Rule[object], ...] = tuple(
    value for name, value in sorted(globals().items()) if isinstance(value, Rule)
)
