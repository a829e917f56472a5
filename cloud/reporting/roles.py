"""The roles of the owner's people: the groups of the user pool, by the names that rules use."""

from typing import Final

from cloud.invoicing.approval import RELATIONSHIP_MANAGER
from cloud.service.models import SPC_ROLE

SPC: Final = SPC_ROLE
RM: Final = RELATIONSHIP_MANAGER
AMS: Final = "ams"
PROJECTS: Final = "projects"
ACCOUNTANT: Final = "accounting"
"""Prepares, proposes and imports; `ACCOUNTING` approves."""
ACCOUNTING: Final = "accounting_admin"
TREASURY: Final = "treasury"
"""Deals with the bank."""
AUDITOR: Final = "auditor"
"""Sees, and does nothing."""
ADMIN: Final = "admin"

ROLES: Final = frozenset({SPC, RM, AMS, PROJECTS, ACCOUNTANT, ACCOUNTING, TREASURY, AUDITOR, ADMIN})
REPORT_READERS: Final = frozenset({SPC, RM, AMS, ACCOUNTING, AUDITOR})
"""Who may read the reports of this stage."""
MONEY_ROLES: Final = frozenset({ACCOUNTANT, ACCOUNTING, TREASURY, AUDITOR})
"""Who sees runs, payables and the books."""
