"""The commands of upkeep: what is done to a stack once, after the program changed."""

from cloud.cli.shape import Chapter, Command, Example, Option
from cloud.cli.tree.places import FOLDER, PROFILE

UPKEEP = Chapter(
    "to keep a stack in order",
    (
        Command(
            "reindex",
            "make old records findable by what is new in the program",
            (
                Example("sunreeve reindex", "goes through all tables of the stack of var/up"),
                Example("sunreeve reindex --table operations", "only through one of them"),
            ),
            runs="cloud.cli.reindex:reindex",
            options=(
                Option(
                    "--table",
                    "only this one",
                    value="NAME",
                    default="",
                    choices=("sites", "operations", "money"),
                ),
                FOLDER,
                PROFILE,
            ),
            more="It changes no record, and may be stopped and called again.",
        ),
    ),
)
