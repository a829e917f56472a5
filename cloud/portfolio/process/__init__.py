"""Load, decide by a rule, write one change: all that may happen to homes and organisations."""

from cloud.portfolio.process.contacts import (
    confirm_contact,
    contacts_of,
    record_contact_bounce,
    request_contact_change,
)
from cloud.portfolio.process.organisation import (
    change_installer,
    change_licences,
    decide_opt_in,
    record_performance,
    relationship_manager_of,
    request_opt_in,
    set_certifications,
    technicians_of,
)
from cloud.portfolio.process.proposing import agreeing, proposal, propose, reject
from cloud.portfolio.process.registry import (
    all_partners,
    paid_partners,
    record_milestone,
    register,
)
from cloud.portfolio.process.system import (
    equipment_of,
    grant_warranty,
    install_equipment,
    replace_equipment,
    void_warranty,
    warranties_of,
    workmanship_until,
)

__all__ = [
    "agreeing",
    "all_partners",
    "change_installer",
    "change_licences",
    "confirm_contact",
    "contacts_of",
    "decide_opt_in",
    "equipment_of",
    "grant_warranty",
    "install_equipment",
    "paid_partners",
    "proposal",
    "propose",
    "record_contact_bounce",
    "record_milestone",
    "record_performance",
    "register",
    "reject",
    "relationship_manager_of",
    "replace_equipment",
    "request_contact_change",
    "request_opt_in",
    "set_certifications",
    "technicians_of",
    "void_warranty",
    "warranties_of",
    "workmanship_until",
]
