"""The commands of funding runs, in the order in which a run is done."""

from cloud.cli import kinds
from cloud.cli.shape import Chapter, Command, Completes, Example, Option
from cloud.cli.tree.desk import AS
from cloud.cli.tree.places import ANYWHERE, AS_OF

_RUN = Option("run", "as comfort-2026-12-03", is_required=True)
_HASH = Option("--hash", "of the plans, as it was shown", value="HASH", is_required=True)
_BECAUSE = Option("--because", "why, in words", value="WORDS", is_required=True)
_WAIT = Option("--wait", "at most; 30", value="SECONDS", reads=kinds.seconds, default=30.0)


def _action(
    name: str, says: str, function: str, options: tuple[Option, ...], *examples: tuple[str, str]
) -> Command:
    return Command(
        f"fund {name}",
        says,
        tuple(Example(f"sunreeve fund {line}", what) for line, what in examples),
        runs=f"cloud.cli.fund:{function}",
        options=(*options, *ANYWHERE),
    )


_FUND = Command(
    "fund",
    "funding runs: preview, approve, send, returns",
    (
        Example("sunreeve fund preview", "lists all runs"),
        Example("sunreeve fund preview comfort-2026-06-11", "what one would pay, and why"),
    ),
    more="No person does two of: prepare, approve, send. docs/operations.md has the whole way.",
    actions=(
        _action(
            "preview",
            "what a run pays, computed anew until it is approved; without one, all runs",
            "preview",
            (Option("run", "as comfort-2026-12-03", default=""), _WAIT),
            ("preview", "lists all runs"),
            ("preview comfort-2026-06-11", "what one would pay, and the hash to approve it by"),
        ),
        _action(
            "release",
            "let a run go on that is far above the runs before",
            "release",
            (
                _RUN,
                _BECAUSE,
                _HASH,
                Option(
                    "--by",
                    "who looked at it; abe.accounting",
                    value="PERSON",
                    default="abe.accounting",
                ),
            ),
            (
                'release comfort-2026-06-11 --hash "$HASH" --because "two fleets at once"',
                "HASH is what the preview showed",
            ),
            (
                'release comfort-2026-06-11 --hash "$HASH" --because "right" --by ada.accounting',
                "another person looked at it",
            ),
        ),
        _action(
            "approve",
            "approve exactly what the preview showed",
            "approve",
            (_RUN, _HASH),
            ('approve comfort-2026-06-11 --hash "$HASH"', "HASH is what the preview showed"),
            ('approve comfort-2026-06-11 --hash "$HASH" --json', "and shows the run"),
        ),
        _action(
            "commit",
            "carry an approved run out, and wait until it stands in the books",
            "commit",
            (_RUN, _WAIT),
            ("commit comfort-2026-06-11", "waits half a minute"),
            ("commit comfort-2026-06-11 --wait 120", "waits two minutes"),
        ),
        _action(
            "file",
            "carry an approved run out, and wait until the bank file is made",
            "file",
            (_RUN, _WAIT),
            ("file comfort-2026-06-11", "waits half a minute"),
            ("file comfort-2026-06-11 --wait 120", "waits two minutes"),
        ),
        _action(
            "send",
            "hand the file to the bank, once",
            "send",
            (_RUN, _WAIT),
            ("send comfort-2026-06-11", "ends with 1 when nobody knows whether the bank has it"),
            ("send comfort-2026-06-11 --json", "and shows the run"),
        ),
        _action(
            "sent",
            "say that the bank has the file, after it was doubtful",
            "sent",
            (_RUN,),
            ("sent comfort-2026-06-11", "the bank said so"),
            ("sent comfort-2026-06-11 --json", "and shows the run"),
        ),
        _action(
            "not-sent",
            "say that the bank never got it, so that it can be sent",
            "not_sent",
            (_RUN, _BECAUSE),
            ('not-sent comfort-2026-06-11 --because "nothing came in"', "in the bank's words"),
            ('not-sent comfort-2026-06-11 --because "lost, says Kim" --json', "shows the run"),
        ),
        _action(
            "settle",
            "book what the bank's statement shows",
            "settle",
            (
                _RUN,
                Option(
                    "--statement",
                    "amount, as 23480.00",
                    value="AMOUNT",
                    reads=kinds.amount,
                    is_required=True,
                ),
            ),
            ("settle comfort-2026-06-11 --statement 362.50", "it must be the net of the run"),
            ("settle comfort-2026-06-11 --statement 362.50 --json", "and shows the run"),
        ),
        _action(
            "return",
            "hand in the bank's file of returned payments and corrected details",
            "take_returns",
            (
                Option(
                    "file",
                    "in the Nacha format",
                    reads=kinds.path,
                    is_required=True,
                    completes=Completes.FILE,
                ),
            ),
            ("return returns.ach", "nothing is done until a second person agrees"),
            ("return returns.ach --json", "the same file again is shown again"),
        ),
        _action(
            "agree",
            "agree as a second person that such a file is the bank's, and have it done",
            "agree",
            (Option("bank_file", "as BF-NKQWZJ0AS8", is_required=True), _WAIT),
            ('agree "$BANK_FILE"', "BANK_FILE is what fund return showed"),
            ('agree "$BANK_FILE" --wait 120', "waits two minutes until it is done"),
        ),
        _action(
            "balance",
            "the trial balance as of an instant",
            "balance",
            (AS_OF,),
            ("balance", "now"),
            ("balance --as-of 2026-06-01T00:00:00Z", "as it was"),
        ),
        _action(
            "verify",
            "recompute all books, and say what differs",
            "verify",
            (_WAIT,),
            ("verify", "ends with 1 where anything differs"),
            ("verify --wait 600 --json", "waits ten minutes, and shows the check"),
        ),
    ),
)

MONEY = Chapter(
    "money",
    (
        Command(
            "runs",
            "funding runs, the earliest first",
            (
                Example("sunreeve runs", "all of them"),
                Example("sunreeve runs --state preview", "those that wait for an approval"),
            ),
            runs="cloud.cli.fund:runs",
            options=(
                Option(
                    "--state",
                    "only in this one",
                    value="STATE",
                    default="",
                    choices=(
                        "preview",
                        "approved",
                        "committed",
                        "filed",
                        "sending",
                        "sent",
                        "settled",
                    ),
                ),
                AS,
                *ANYWHERE,
            ),
        ),
        _FUND,
        Command(
            "replay",
            "who is paid otherwise by another programme's rules",
            (
                Example("sunreeve replay --programme standard", "of what is owed now"),
                Example(
                    "sunreeve replay --programme standard --as-of 2026-06-01T00:00:00Z",
                    "of what was owed then",
                ),
            ),
            runs="cloud.cli.fund:replay",
            options=(
                Option("--programme", "whose rules, as standard", value="NAME", is_required=True),
                AS_OF,
                *ANYWHERE,
            ),
        ),
    ),
)
