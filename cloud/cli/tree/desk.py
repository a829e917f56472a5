"""The commands of the owner's people at their desks: what waits for them, and what it is about."""

from cloud.cli.shape import Chapter, Command, Example, Option
from cloud.cli.tree.places import ANYWHERE

AS = Option(
    "--as",
    "in whose name, on this machine; otto.audit",
    value="PERSON",
    default="otto.audit",
    into="person",
)
_READING = (AS, *ANYWHERE)
_AS_WHOM = (
    "It is what this person's roles may do; an auditor sees everybody's. On this machine --as is "
    "who asks, on AWS it is who signed in."
)

DESK = Chapter(
    "what waits for people",
    (
        Command(
            "queue",
            "what waits for a person: emergencies, then what is due first",
            (
                Example("sunreeve queue", "all of it"),
                Example("sunreeve queue --as sam.spc", "what a coordinator may see of it"),
            ),
            runs="cloud.cli.desk:queue",
            options=_READING,
            more=_AS_WHOM,
        ),
        Command(
            "approvals",
            "what waits for somebody's yes or no",
            (
                Example("sunreeve approvals", "spending, invoices, proposals, runs and more"),
                Example("sunreeve approvals --as ada.accounting --json", "of one person, as JSON"),
            ),
            runs="cloud.cli.desk:approvals",
            options=_READING,
            more=_AS_WHOM,
        ),
        Command(
            "case",
            "one case with all that happened to it; without an id, the open ones",
            (
                Example("sunreeve case", "all that are not closed"),
                Example("sunreeve case CASE-QAR5N3CQ8V", "one, with its log"),
            ),
            runs="cloud.cli.desk:case",
            options=(
                Option("id", "as CASE-QAR5N3CQ8V", default=""),
                Option("--state", "only in this state, as verifying", value="STATE", default=""),
                *_READING,
            ),
        ),
        Command(
            "order",
            "one work order with all that happened to it; without a number, those that wait",
            (
                Example("sunreeve order", "those that wait for a person"),
                Example("sunreeve order WO-MN5GCQR726", "one, with its log"),
            ),
            runs="cloud.cli.desk:order",
            options=(
                Option("number", "as WO-MN5GCQR726", default=""),
                Option(
                    "--task", "only waiting for this, as approve_spend", value="TASK", default=""
                ),
                *_READING,
            ),
        ),
        Command(
            "mails",
            "mails that a person has to look at, in one state, or about one thing",
            (
                Example("sunreeve mails", "those that nobody could file"),
                Example("sunreeve mails --thread WO-MN5GCQR726", "all about a work order"),
            ),
            runs="cloud.cli.desk:mails",
            options=(
                Option("--state", "in this one, as delivered", value="STATE", only_one_of="which"),
                Option(
                    "--thread",
                    "about this case, work order or invoice",
                    value="ID",
                    only_one_of="which",
                ),
                *_READING,
            ),
        ),
        Command(
            "holds",
            "what is held back until a person says that it is right",
            (
                Example("sunreeve holds", "findings, letters and runs"),
                Example("sunreeve holds --json", "for a program"),
            ),
            runs="cloud.cli.desk:holds",
            options=_READING,
            more="sweep release, fund release and /ops/post_hold of the API let it go on.",
        ),
    ),
)
