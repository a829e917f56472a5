"""The commands for reading: the rule book, reports, and where a cent came from."""

from dataclasses import replace

from cloud.cli import kinds
from cloud.cli.shape import Chapter, Command, Completes, Example, Option
from cloud.cli.tree.places import FOLDER, JSON, PROFILE

BOOKS = Chapter(
    "to look things up",
    (
        Command(
            "report",
            "reports as of an instant",
            (
                Example("sunreeve report", "lists them"),
                Example("sunreeve report due_soon --csv", "one of them, for a spreadsheet"),
                Example(
                    "sunreeve report ageing --as-of 2026-06-09T12:00Z", "as it was at that instant"
                ),
            ),
            runs="cloud.cli.report:show",
            options=(
                Option(
                    "name",
                    "which; without it, all their names",
                    default="",
                    completes=Completes.REPORT,
                ),
                Option("--as-of", "as 2026-06-30T12:00Z", value="INSTANT", default=""),
                Option("--from", "first day", value="DAY", default="", into="since"),
                Option("--until", "the first day after", value="DAY", default=""),
                Option("--partner", "only of this partner", value="ID", default=""),
                Option("--milestone", "accept, schedule or complete", value="NAME", default=""),
                Option("--region", "only of this state, as NC", value="STATE", default=""),
                Option(
                    "--emergency",
                    "or the others",
                    value="WHICH",
                    default="",
                    choices=("yes", "no"),
                ),
                Option(
                    "--horizon",
                    "how far ahead",
                    value="HOURS",
                    default="",
                    into="horizon_hours",
                ),
                Option(
                    "--what-if", "for replay, as accept=3,opens=00:00", value="SETTINGS", default=""
                ),
                Option(
                    "--format", "instead of a table", value="FORM", choices=("csv", "json", "html")
                ),
                Option("--csv", "as --format csv", into="format", constant="csv"),
                Option("--json", "as --format json", into="format", constant="json"),
                Option(
                    "--out",
                    "write it there instead",
                    value="FILE",
                    reads=kinds.path,
                    completes=Completes.FILE,
                ),
                FOLDER,
                PROFILE,
            ),
            more="Asked for again with the same --as-of, it is the same, whatever happened since.",
        ),
        Command(
            "trace",
            "walk a line of a bank file back to its causes",
            (
                Example('sunreeve trace "$TRACE"', "TRACE is a line of a file that the demo made"),
                Example('sunreeve trace "$TRACE" --folder var/up --json', "of a stack that runs"),
            ),
            runs="cloud.cli.stack:trace",
            options=(
                Option("id", "trace number of the line", is_required=True),
                replace(FOLDER, default="var/demo", says="the stack's files; var/demo"),
                PROFILE,
                JSON,
            ),
        ),
        Command(
            "rules",
            "the rule book: every number, with its source",
            (
                Example("sunreeve rules 85%", "those that hold a number"),
                Example("sunreeve rules clawback days", "those that hold all of these words"),
            ),
            runs="cloud.cli.rules:show",
            options=(
                Option("words", "only rules that hold all of these words", is_many=True),
                Option("--markdown", "as the page docs/rules.md"),
                JSON,
            ),
        ),
    ),
)
