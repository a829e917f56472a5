"""What goes wrong in the town's homes: as customers tell it, as it is found, and what mends it."""

from dataclasses import dataclass

from cloud.service.models import Cause, ReportedFamily

LABOR, MATERIALS, TRAVEL = "labor", "materials", "travel"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of trouble.

    Attributes:
        family: in the help desk's words.
        found_by: the rule by which detection tells of it; empty where only people do.
        customer: what somebody says on the telephone.
        asked: what the work order asks for.
        found, mended, summary, reason: what the report says.
        cause: what a coordinator finds.
        cost: category, words and cents of each line, below what needs an approval.
        parts: the kind of part that is exchanged, empty where none is.
    """

    family: ReportedFamily
    found_by: str
    customer: str
    asked: str
    found: str
    mended: str
    summary: str
    reason: str
    cause: Cause
    cost: tuple[tuple[str, str, int], ...]
    parts: str = ""


STRING = Trouble(
    ReportedFamily.LOW_PRODUCTION,
    "D-13",
    "The app shows about half of what the neighbours make since last week.",
    "Find out why one string makes nothing, and mend it.",
    "String 2 carries no current; the connector at the combiner is burnt through.",
    "Connector pair replaced; both strings carry the same current again.",
    "Replaced a failed connector pair on string 2 and checked the torque of the others.",
    "The connector was at fault as it came from the factory.",
    Cause.PRODUCT_FAILURE,
    ((LABOR, "Fault finding and repair, 2.5 h", 287_50), (MATERIALS, "Connector pair", 38_40),
     (TRAVEL, "Round trip", 62_00)),
)  # fmt: skip
INVERTER = Trouble(
    ReportedFamily.NO_PRODUCTION,
    "D-12",
    "The inverter on the garage wall shows a red light and no number.",
    "The inverter reports a hardware fault and stands still: diagnose it, and exchange the board "
    "under the maker's warranty.",
    "Display says test failure; AC and DC voltages at the terminals are in order.",
    "Power board exchanged; the inverter starts by itself and feeds in.",
    "Exchanged the inverter's power board under the maker's warranty.",
    "The power board failed.",
    Cause.PRODUCT_FAILURE,
    ((LABOR, "Exchange of the power board, 3 h", 345_00), (TRAVEL, "Round trip", 58_50)),
    "inverter",
)
LOOSE = Trouble(
    ReportedFamily.LOW_PRODUCTION,
    "D-13",
    "It makes less every afternoon, and the installer was here only in spring.",
    "Check the terminations that were made at installation; output drops as the roof heats up.",
    "Two DC terminations in the rooftop box are loose; one shows heat marks.",
    "Both terminations made anew and torqued; output is steady through the afternoon.",
    "Remade two loose DC terminations in the rooftop junction box.",
    "The terminations were not torqued when the system was installed.",
    Cause.WORKMANSHIP,
    ((LABOR, "Terminations remade, 2 h", 230_00), (MATERIALS, "Ferrules and gland", 24_75),
     (TRAVEL, "Round trip", 71_00)),
)  # fmt: skip
SQUIRRELS = Trouble(
    ReportedFamily.LOW_PRODUCTION,
    "",
    "We hear something on the roof at night, and there are leaves and fur below the panels.",
    "Look for damage by animals below the array; make the wiring safe.",
    "Insulation of two home runs gnawed through below row 1; nesting material.",
    "Damaged leads replaced, nest removed; insulation resistance is in order.",
    "Replaced gnawed leads below row 1 and cleared a nest.",
    "Animals nested below the array.",
    Cause.CRITTER_REMEDIATION,
    ((LABOR, "Leads replaced, nest cleared, 3 h", 330_00), (MATERIALS, "PV wire and clips", 46_20),
     (TRAVEL, "Round trip", 55_00)),
)  # fmt: skip
OFFLINE = Trouble(
    ReportedFamily.MONITORING,
    "D-12",
    "The app says that our home has been offline since the storm.",
    "The gateway is silent though the customer's network works: check its supply and its cable.",
    "Gateway has no supply; its breaker in the subpanel tripped.",
    "Breaker reset, supply measured over 30 minutes; the gateway reports again.",
    "Restored the gateway's supply and secured its cable.",
    "The breaker tripped in a storm; no damage was found.",
    Cause.SYSTEM_WARRANTY,
    ((LABOR, "Diagnosis and reset, 1.5 h", 172_50), (TRAVEL, "Round trip", 49_00)),
)
BATTERY = Trouble(
    ReportedFamily.BATTERY,
    "D-12",
    "The battery says fault and does not charge any more.",
    "The battery reports a fault of its bank: read its log, and exchange the module if it says so.",
    "Module 2 is isolated by its own electronics; the log shows an imbalance of cells.",
    "Module 2 exchanged; the battery charged from 20 to 60 percent while we were there.",
    "Exchanged battery module 2 under the maker's warranty.",
    "A cell of module 2 failed.",
    Cause.PRODUCT_FAILURE,
    ((LABOR, "Exchange of a module, two people, 2 h", 391_00), (TRAVEL, "Round trip", 66_00)),
    "battery",
)
METER = Trouble(
    ReportedFamily.OTHER,
    "",
    "The bill and the app differ by a third; somebody should look at the meter.",
    "The consumption meter may be on the wrong phase: check its transformers.",
    "One current transformer sits the wrong way round.",
    "Transformer turned; readings agree with the utility's meter within a percent.",
    "Corrected the direction of a current transformer.",
    "The transformer was mounted the wrong way round.",
    Cause.WORKMANSHIP,
    ((LABOR, "Check and correction, 1 h", 115_00), (TRAVEL, "Round trip", 52_00)),
)
TROUBLES = (STRING, INVERTER, OFFLINE, LOOSE, BATTERY, METER)
"""The everyday ones, in turn; squirrels come where somebody asks for them."""
ROOF_LEAK = "Water drips through the ceiling of the bedroom, right below the panels."
SPARKS = "There is a smell of burning at the box beside the meter, and it hums."
