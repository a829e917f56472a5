"""All commands of `sunreeve`, as data, in the order in which a person meets them."""

from cloud.cli.shape import Command
from cloud.cli.tree.books import BOOKS
from cloud.cli.tree.desk import DESK
from cloud.cli.tree.devices import DEVICES
from cloud.cli.tree.fleet import FLEET
from cloud.cli.tree.money import MONEY
from cloud.cli.tree.stack import STACK
from cloud.cli.tree.teaching import TEACHING
from cloud.cli.tree.upkeep import UPKEEP

CHAPTERS = (STACK, DESK, MONEY, FLEET, DEVICES, BOOKS, UPKEEP, TEACHING)
COMMANDS: dict[str, Command] = {one.name: one for part in CHAPTERS for one in part.commands}
"""Commands and families by their first word."""

FIRST_SIX = ("demo", "up", "queue", "report", "trace", "rules")
"""What a person starts with; the first screen shows them."""
