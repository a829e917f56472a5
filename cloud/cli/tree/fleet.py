"""The commands of detection: a fleet's folder, and what sweeps held back."""

from cloud.cli import kinds
from cloud.cli.shape import Chapter, Command, Completes, Example, Option
from cloud.cli.tree.places import ANYWHERE, FOLDER, OF_FLEET, PROFILE

_OUT = Option(
    "--out",
    "write them, one line of JSON each",
    value="FILE",
    reads=kinds.path,
    only_one_of="place",
    completes=Completes.FILE,
)
_PUT = Option("--put", "put them on record in a running stack", only_one_of="place")
_REGION = Option("region", "as the list names it, UTC-07.N39W106", is_required=True)

FLEET = Chapter(
    "detection",
    (
        Command(
            "detect",
            "replay a fleet's days, and write what opens",
            (
                Example(
                    "sunreeve detect --fleet fleets/street --out cases.csv",
                    "judges day by day, as the stack would have",
                ),
                Example(
                    "sunreeve detect --fleet fleets/winter --out var/winter.csv",
                    "another folder; the file appears when all is done",
                ),
            ),
            runs="cloud.cli.detect:detect",
            options=(
                OF_FLEET,
                Option(
                    "--out",
                    "the cases, as CSV",
                    value="FILE",
                    reads=kinds.path,
                    is_required=True,
                    completes=Completes.FILE,
                ),
            ),
        ),
        Command(
            "baseline",
            "work out what a fleet's sites make when clear",
            (
                Example(
                    "sunreeve baseline --fleet fleets/street --out baselines.jsonl",
                    "a line of JSON for each site",
                ),
                Example(
                    "sunreeve baseline --fleet fleets/street --put",
                    "puts them on record in the stack of var/up",
                ),
            ),
            runs="cloud.cli.baselines:baseline",
            options=(
                OF_FLEET,
                _OUT,
                _PUT,
                Option(
                    "--ends-cases",
                    "put also those of sites with an open case of low days, which may end by it",
                ),
                FOLDER,
                PROFILE,
            ),
            needs_one_of=("place",),
        ),
        Command(
            "weather",
            "bring the weather of a fleet's days to a region",
            (
                Example(
                    "sunreeve weather --region UTC-07.N39W106 --fleet fleets/street --put",
                    "puts all days on record in the stack of var/up",
                ),
                Example(
                    "sunreeve weather --region UTC-07.N39W106 --fleet fleets/street"
                    " --since 2026-06-01 --out weather.jsonl",
                    "a line of JSON for each day from June on",
                ),
            ),
            runs="cloud.cli.baselines:weather",
            options=(
                Option(
                    "--region",
                    "its clock and square, UTC-07.N39W106",
                    value="REGION",
                    is_required=True,
                ),
                Option("--since", "only from a day on, as 2026-11-08", value="DAY"),
                OF_FLEET,
                _OUT,
                _PUT,
                FOLDER,
                PROFILE,
            ),
            needs_one_of=("place",),
        ),
        Command(
            "sweep",
            "what sweeps held back, and days judged anew",
            (
                Example("sunreeve sweep holds", "what waits to be believed"),
                Example("sunreeve sweep replay --clock -7 --since 2026-06-07", "judges days anew"),
            ),
            actions=(
                Command(
                    "sweep holds",
                    "findings that were too many to be believed",
                    (
                        Example("sunreeve sweep holds", "those that wait for a person"),
                        Example("sunreeve sweep holds --state released", "those that were let go"),
                    ),
                    runs="cloud.cli.sweep:holds",
                    options=(
                        Option(
                            "--state",
                            "held, released, discarded or over; held",
                            value="STATE",
                            default="held",
                        ),
                        *ANYWHERE,
                    ),
                ),
                Command(
                    "sweep release",
                    "let them be told: they are true",
                    (
                        Example("sunreeve sweep release UTC-07.N39W106", "of one region"),
                        Example(
                            "sunreeve sweep release UTC-06.N30W098 --json", "and shows the record"
                        ),
                    ),
                    runs="cloud.cli.sweep:release",
                    options=(_REGION, *ANYWHERE),
                ),
                Command(
                    "sweep discard",
                    "tell nobody: they are not true",
                    (
                        Example("sunreeve sweep discard UTC-08.N37W123", "of one region"),
                        Example(
                            "sunreeve sweep discard UTC-05.N35W079 --json", "and shows the record"
                        ),
                    ),
                    runs="cloud.cli.sweep:discard",
                    options=(_REGION, *ANYWHERE),
                ),
                Command(
                    "sweep replay",
                    "judge the open days of a clock anew",
                    (
                        Example(
                            "sunreeve sweep replay --clock -7 --since 2026-06-07",
                            "all sites of Mountain Standard Time",
                        ),
                        Example(
                            "sunreeve sweep replay --clock -5 --since 2026-06-07 --json",
                            "and tells how many as JSON",
                        ),
                    ),
                    runs="cloud.cli.sweep:replay",
                    options=(
                        Option(
                            "--clock",
                            "hours from UTC, as -7",
                            value="HOURS",
                            reads=int,
                            is_required=True,
                        ),
                        Option(
                            "--since", "first day, as 2026-11-08", value="DAY", is_required=True
                        ),
                        *ANYWHERE,
                    ),
                ),
            ),
        ),
    ),
)
