"""Options that many commands share: which stack is meant, in whose name, and in which form."""

from cloud.cli import kinds
from cloud.cli.shape import Completes, Option

FOLDER = Option(
    "--folder",
    "the stack's files; var/up unless told otherwise",
    value="FOLDER",
    reads=kinds.folder,
    default="var/up",
    completes=Completes.FOLDER,
)
PROFILE = Option(
    "--profile",
    "a stack on AWS, by its name in the file of profiles, in the place of a folder",
    value="NAME",
    reads=kinds.profile,
)
JSON = Option("--json", "as JSON")
ANYWHERE = (FOLDER, PROFILE, JSON)
"""Of what asks the operations API: here or on AWS."""
AS_OF = Option(
    "--as-of", "as 2026-12-03T12:00:00Z; now unless told otherwise", value="INSTANT", default=""
)
OF_FLEET = Option(
    "--fleet",
    "folder with sites.csv, days.csv.gz and the rest",
    value="FOLDER",
    reads=kinds.path,
    is_required=True,
    completes=Completes.FOLDER,
)
