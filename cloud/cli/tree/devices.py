"""The commands for the devices that are gateways."""

from cloud.cli import kinds
from cloud.cli.shape import Chapter, Command, Completes, Example, Option
from cloud.cli.tree.places import ANYWHERE

_BECAUSE = Option("--because", "why, for the log", value="WHY", is_required=True)
_GATEWAY = Option("gateway", "its thing name, as gw-0001", is_required=True)


def _file(name: str, says: str, default: str) -> Option:
    return Option(
        name, says, value="FILE", reads=kinds.path, default=default, completes=Completes.FILE
    )


DEVICES = Chapter(
    "gateways as devices",
    (
        Command(
            "device",
            "which devices may come in as gateways, by which claim, and how they end",
            (
                Example("sunreeve device list", "those that are live"),
                Example(
                    "sunreeve device admit SN-0001 --site SITE-1 --because 'order 7'",
                    "lets one in and prints its token",
                ),
            ),
            actions=(
                Command(
                    "device list",
                    "the devices in one state",
                    (
                        Example("sunreeve device list", "those that are live"),
                        Example("sunreeve device list --state admitted", "those that may come in"),
                    ),
                    runs="cloud.cli.device:devices",
                    options=(
                        Option(
                            "--state",
                            "which ones; live unless told otherwise",
                            value="STATE",
                            default="live",
                            choices=("admitted", "provisioned", "live", "ended"),
                        ),
                        *ANYWHERE,
                    ),
                ),
                Command(
                    "device show",
                    "one device with its certificates and all that happened to it",
                    (
                        Example("sunreeve device show SN-0001", "also why it was refused"),
                        Example("sunreeve device show SN-0001 --json", "for a program"),
                    ),
                    runs="cloud.cli.device:show",
                    options=(
                        Option("serial", "its serial number, as it stands on it", is_required=True),
                        *ANYWHERE,
                    ),
                ),
                Command(
                    "device admit",
                    "let serial numbers in for a site; each one's token is printed once",
                    (
                        Example(
                            "sunreeve device admit SN-0001 --site SITE-1 --because 'order 7'",
                            "its token is good for two weeks, and once",
                        ),
                        Example(
                            "sunreeve device admit SN-0001 --site SITE-1 --because lost",
                            "again, before it came in: a new token, and the old one is dead",
                        ),
                    ),
                    runs="cloud.cli.device:admit",
                    options=(
                        Option(
                            "serials",
                            "serial numbers, as they stand on the devices",
                            is_required=True,
                            is_many=True,
                        ),
                        Option("--site", "the site's id", value="SITE", is_required=True),
                        _BECAUSE,
                        *ANYWHERE,
                    ),
                    more="A site has one gateway. On the device: sunreeve-edge provision.",
                ),
                Command(
                    "device claim",
                    "make a claim certificate, by which devices ask for their own one",
                    (
                        Example(
                            "sunreeve device claim --cert claim.pem --claim-key claim.key",
                            "good for ninety days",
                        ),
                        Example(
                            "sunreeve device claim --cert c2.pem --claim-key c2.key"
                            " --retire-others",
                            "and ends all others: one of them leaked",
                        ),
                    ),
                    runs="cloud.cli.device:claim",
                    options=(
                        _file("--cert", "where the certificate goes; claim.pem", "claim.pem"),
                        Option(
                            "--claim-key",
                            "where its key goes, made here; claim.key",
                            value="FILE",
                            reads=kinds.path,
                            default="claim.key",
                            into="key",
                            completes=Completes.FILE,
                        ),
                        Option("--retire-others", "no device comes in by an earlier one any more"),
                        *ANYWHERE,
                    ),
                    more="It can ask for certificates and nothing else, and without a serial "
                    "number on the list and that number's token it gets none.",
                ),
                Command(
                    "device renew",
                    "ask gateways to renew their certificates, with keys of their own",
                    (
                        Example("sunreeve device renew gw-0001", "now, or when it comes back"),
                        Example("sunreeve device renew gw-0001 gw-0002", "several"),
                    ),
                    runs="cloud.cli.device:renew",
                    options=(
                        Option("gateways", "their thing names", is_required=True, is_many=True),
                        *ANYWHERE,
                    ),
                ),
                Command(
                    "device decommission",
                    "end the device that is a gateway: it connects no more, readings stay",
                    (
                        Example(
                            "sunreeve device decommission gw-0001 --because 'moved out'",
                            "its certificates and its token are dead",
                        ),
                        Example(
                            "sunreeve device decommission gw-0001 --because 'moved out' --json",
                            "and shows the record",
                        ),
                    ),
                    runs="cloud.cli.device:decommission",
                    options=(_GATEWAY, _BECAUSE, *ANYWHERE),
                ),
                Command(
                    "device replace",
                    "put a serial number in the place of another; its token is printed once",
                    (
                        Example(
                            "sunreeve device replace SN-0001 SN-0002 --because water",
                            "the old one ends, the gateway keeps its name",
                        ),
                        Example(
                            "sunreeve device replace SN-0001 SN-0002 --because water --json",
                            "for a program",
                        ),
                    ),
                    runs="cloud.cli.device:replace",
                    options=(
                        Option("old", "the serial number that ends", is_required=True),
                        Option("new", "the one that comes", is_required=True),
                        _BECAUSE,
                        *ANYWHERE,
                    ),
                ),
                Command(
                    "device clones",
                    "gateways that may be two machines by one certificate",
                    (
                        Example("sunreeve device clones", "those that nobody has looked at"),
                        Example("sunreeve device clones --json", "for a program"),
                    ),
                    runs="cloud.cli.device:clones",
                    options=ANYWHERE,
                    more="Nothing is blocked by a suspicion: replace or decommission does that.",
                ),
                Command(
                    "device dismiss",
                    "say that a suspicion was looked at, and what it was",
                    (
                        Example(
                            "sunreeve device dismiss gw-0001 --because 'a test bench'",
                            "what was seen until now counts no more",
                        ),
                        Example(
                            "sunreeve device dismiss gw-0001 --because 'a test bench' --json",
                            "and shows the record",
                        ),
                    ),
                    runs="cloud.cli.device:dismiss",
                    options=(_GATEWAY, _BECAUSE, *ANYWHERE),
                ),
            ),
        ),
    ),
)
