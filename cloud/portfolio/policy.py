"""What was agreed on projects and their milestones."""

from datetime import date, timedelta

from cloud.kernel.policy import COMFORT, DESIGN, FUNDING_ARTICLE, SERVICE_ARTICLE, Rule, Source

_READINGS = Source(DESIGN, "0014 Readings of the articles, Service")

MILESTONE_INSTANT = Rule(
    id="P-01",
    unit="records of a milestone that count",
    source=Source(DESIGN, "0007 The server's instant is the milestone's"),
    says="a milestone counts from the instant at which the server first recorded it",
    values={date(2025, 1, 1): 1},
)
SERVED_OFFSETS = Rule(
    id="P-02",
    unit="hours of standard time from UTC",
    source=Source(DESIGN, "0005 Energy comes from counters"),
    says="homes are served where standard time is Eastern, Central, Mountain or Pacific",
    values={date(2025, 1, 1): (-5, -6, -7, -8)},
    note="A sweep is scheduled for each of them; a home elsewhere would never be judged.",
)

IN_HOUSE_COST = Rule(
    id="R-46",
    unit="parts of what the owner's own people cost",
    source=Source(SERVICE_ARTICLE, "1.1 Service Coordination"),
    says="the owner's own technicians take work beside partners, at an internal price list",
    values={date(2025, 1, 1): ("hours", "kilometres")},
    note="They are ranked like any partner; with a price their work can be back-billed too.",
)
OPT_IN_DECIDED_BY = Rule(
    id="R-47",
    unit="who decides on a partner's wish for more work",
    source=Source(SERVICE_ARTICLE, "1.1 Service Coordination"),
    says="a partner that wants more service work asks its relationship manager",
    values={date(2025, 1, 1): "relationship_manager"},
)
CONTACT_LINK_HOURS = Rule(
    id="M-74b",
    unit="hours in which a new contact is confirmed",
    source=_READINGS,
    says="a new service contact counts once whoever reads its mail has confirmed it, within three "
    "days of being asked",
    values={date(2025, 1, 1): 72},
    note="Until then the old one counts. Which address counted when is kept, as clocks rest on it.",
)
CONTACT_CODES = Rule(
    id="M-74c",
    unit="codes mailed for one partner's contact within an hour, and minutes in which asking for "
    "the same address again mails none",
    source=_READINGS,
    says="a code to confirm a contact is mailed three times an hour at most, and once for a form "
    "that is sent twice",
    values={date(2025, 1, 1): (3, 2)},
    note="Whoever has a partner's sign-in could else have any address mailed without end. All "
    "addresses count together. A code that was mailed stays good.",
)
MAY_WORK = Rule(
    id="Q-79",
    unit="what a partner holds on the day of the work",
    source=Source(SERVICE_ARTICLE, "7. Compliance and Quality Expectations"),
    says="whoever is sent is licensed in the state and insured on that day",
    values={date(2025, 1, 1): ("licence", "insurance")},
    note="A last day counts. Where no licence, or no insurance, was ever put on record, the word "
    "that the partner gave when it was registered holds.",
)
VOIDED_BY = Rule(
    id="B-55",
    unit="who may void a warranty",
    source=Source(SERVICE_ARTICLE, "1.3 Customer Responsibilities"),
    says="neglect, modification or denied access may void a warranty",
    values={date(2025, 1, 1): "person"},
    note="May, not does: a person decides and says why; nothing is voided by itself.",
)

TWO_PEOPLE = Rule(
    id="D09",
    unit="people",
    source=Source(DESIGN, "0014 Readings of the articles, Funding"),
    says="what moves money by hand, or ends a project, is proposed by one person and agreed to by "
    "another",
    values={date(2025, 1, 1): 2},
    note="Cancelling a project, noting a prepaid commission, taking money for a compliance case, "
    "settling a debt by hand, a change of bank details, a file of the bank's, a reversal.",
)

AS_SHOWN = Rule(
    id="D09a",
    unit="what a decision counts for",
    source=Source(DESIGN, "0014 Readings of the articles, Funding"),
    says="who decides about money, or lets go what was held, decides on what was shown: where that "
    "changed since, nothing is done, what changed is told, and it is looked at again",
    values={date(2025, 1, 1): "what_was_shown"},
    note="Of an invoice: what it says, where it stands, the causes of its lines, the approvals of "
    "spending and the other invoices of its work order. A reminder or an escalation changes "
    "nothing of it. A run has its own mark, the hash of all plans (D03).",
)

_FUNDING = Source(DESIGN, "0014 Readings of the articles, Funding")
_BEGIN = date(2025, 1, 1)

ROLE_GRANTED_BY = Rule(
    id="P-80",
    unit="role that grants and takes the role of an Accounting Admin",
    source=Source(FUNDING_ARTICLE, "Accounting Admin access"),
    says="only an Accounting Admin makes another one, within its organisation and the parts of it",
    values={_BEGIN: "accounting_admin"},
    note="The owner's administrator makes the first one of an organisation that has none, and is "
    "the only one to take the role from the last.",
)
BANK_CHANGE_HOLD_HOURS = Rule(
    id="P-81",
    unit="hours from the agreement until new bank details count",
    source=_FUNDING,
    says="new bank details are agreed to by a second person and wait three days, while whoever "
    "reads the old addresses can stop them",
    values={_BEGIN: 72},
    note="Elapsed hours, nights and holidays included; a run before that pays to the old account.",
)
MILESTONE_ORDER = Rule(
    id="P-82",
    unit="milestone -> what it rests on",
    source=Source(FUNDING_ARTICLE, "Clawbacks and Net Funding"),
    says="an installation is submitted before it is approved, and M1 comes before M2",
    values={_BEGIN: {"install_approved": "install_submitted", "M2": "M1"}},
    note="Whoever records M1 alone has the steps to it recorded at the same instant. What another "
    "milestone rests on is revoked after that other one.",
)
PLAN_PINNED_AT = Rule(
    id="P-83",
    unit="milestones from the first of which a project's plan stands",
    source=_FUNDING,
    says="a project takes its plan, its market and what M1 means from its organisation, and keeps "
    "them once a milestone that pays was reached",
    values={_BEGIN: ("NTP", "M1", "M2")},
    note="Also when that milestone was revoked since: it may have been paid.",
)
ORGANISATION_LEVELS = Rule(
    id="P-84",
    unit="levels of organisations below one",
    source=_FUNDING,
    says="an organisation may have parts, and a part has none",
    values={_BEGIN: 1},
    note="Each part is paid and netted by itself; an Accounting Admin of the whole sees its parts.",
)
ACCOUNT_FORM = Rule(
    id="P-85",
    unit="least and most characters of an account number",
    source=_FUNDING,
    says="bank details are a routing number with its check digit and an account number that fits "
    "the bank's file",
    values={_BEGIN: (4, 17)},
)
CORRECTED_BY_BANK = Rule(
    id="P-86",
    unit="notifications of change that correct bank details",
    source=_FUNDING,
    says="what the bank says is the right number counts at once, before the next payment",
    values={_BEGIN: ("C01", "C02", "C03", "C05", "C06", "C07")},
    note="No hold and no second person: the bank holds the account. The partner is told.",
)
PROGRAMMES = Rule(
    id="P-87",
    unit="programmes that projects may be registered for",
    source=_FUNDING,
    says="a project belongs to a programme that is funded",
    values={_BEGIN: (COMFORT,)},
    note="One that nobody runs would never be paid.",
)

_DEVICES = Source(DESIGN, "0029 Gateways come in by claim and token")

ADMITTED_SERIAL = Rule(
    id="DV-01",
    unit="what a device needs before it may ask for a certificate",
    source=_DEVICES,
    says="a device comes in under a serial number that a person of operations put on the list, as "
    "the gateway of the site that was assigned to it",
    values={_BEGIN: ("serial number", "site", "name of the thing")},
    note="[our choice] Whoever has the claim certificate alone gets nothing.",
)
PROVISION_TOKEN = Rule(
    id="DV-02",
    unit="time in which a one-time token can be used",
    source=_DEVICES,
    says="a device shows a token that was made for its serial number, good for two weeks and once",
    values={_BEGIN: timedelta(days=14)},
    note="[our choice] Between the order and the visit. Only its digest is kept; a new token kills "
    "the old one.",
)
SAME_PROVISION = Rule(
    id="DV-03",
    unit="time since a device was given its first certificate",
    source=_DEVICES,
    says="a device that asks again for the same key within half an hour lost the answer, and gets "
    "one more certificate for that key",
    values={_BEGIN: timedelta(minutes=30)},
    note="[our choice] The key was made on the device and never leaves it, so nobody else can.",
)
PROVISION_RATE = Rule(
    id="DV-04",
    unit="certificates asked for in an hour",
    source=_DEVICES,
    says="sixty devices an hour come in by one claim certificate and two hundred by all of them; "
    "a claim that was retired, or is not ours, brings in none",
    values={_BEGIN: {"a claim": 60, "all": 200}},
    note="[our choice] What is refused counts, too: guessing is what a stolen claim is good for.",
)
CLAIM_LIFE = Rule(
    id="DV-10",
    unit="time in which a claim certificate is good",
    source=_DEVICES,
    says="a claim certificate is made by a command and is good for ninety days",
    values={_BEGIN: timedelta(days=90)},
    note="[our choice] None stands in the template: what is made once and for all leaks once and "
    "for all.",
)
ONE_LIVE_GATEWAY = Rule(
    id="DV-05",
    unit="devices that are one gateway at a time",
    source=_DEVICES,
    says="a serial number that is live gets no other certificate by a claim, and a site has one "
    "gateway: a person decommissions or replaces it first",
    values={_BEGIN: 1},
    note="[our choice] One that was given a certificate and never connected may be let in again.",
)
RENEWALS_A_DAY = Rule(
    id="DV-06",
    unit="certificates that a device asks for in a day",
    source=_DEVICES,
    says="a device renews its certificate over its own connection, five times a day at most; the "
    "old one works until the new one was used",
    values={_BEGIN: 5},
    note="[our choice] A device that loses power in between finds one that works, either way.",
)
CERTIFICATES_KEPT = Rule(
    id="DV-11",
    unit="retired certificates that stay on record with a device",
    source=_DEVICES,
    says="the last ten certificates of a device stay on record",
    values={_BEGIN: 10},
    note="[our choice] The log has all of them.",
)
DECOMMISSIONED = Rule(
    id="DV-09",
    unit="what stays of a device that is decommissioned",
    source=_DEVICES,
    says="a device that is decommissioned can neither connect nor come in; its thing, its history "
    "and the site's readings stay, with the reason",
    values={_BEGIN: ("thing", "history", "readings", "reason")},
    note="[our choice]",
)
