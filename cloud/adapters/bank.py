"""Who the funding file is from, and the bank that takes it, as the environment names them."""

from collections.abc import Mapping

from cloud.funding.ach import Originator


def originator(environment: Mapping[str, str]) -> Originator:
    """Give who the funding file is from, and the bank that takes it."""
    return Originator(
        bank_routing_number=environment["ORIGINATOR_ROUTING"],
        bank_name=environment["ORIGINATOR_BANK_NAME"],
        origin=environment["ORIGINATOR_COMPANY_ID"],
        name=environment["ORIGINATOR_NAME"],
        company_identification=environment["ORIGINATOR_COMPANY_ID"],
        questions_to=environment["MAIL_FROM"],
    )
