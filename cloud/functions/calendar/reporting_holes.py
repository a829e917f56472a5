"""Where somebody who found a hole may tell of it, and what we ask and promise (RFC 9116)."""

from datetime import UTC, datetime, time, timedelta

SECURITY_TXT = "/.well-known/security.txt"
POLICY_TXT = "/.well-known/security-policy.txt"
GOOD_FOR = timedelta(days=180)
"""Until the file ends; the standard asks for less than a year (RFC 9116, section 2.5.5)."""

_POLICY = """\
If you found a way to see, change or stop what is not yours here, please write to {mail}.

Tell us what you did and what you saw, so that we can do the same. Use accounts and homes of your
own, look at no more of others' data than it takes to show the hole, and keep nothing of it. Please
do not try floods, mails to our people, or anything at a gateway or an inverter in somebody's home.

We will not take steps against anybody who keeps to this. Please give us time to mend it before you
tell others. We pay no rewards.
"""


def security_txt(*, mail: str, pages_url: str, at: datetime) -> str:
    """Give the file that programs look for; of one day in UTC it is the same text."""
    ends = datetime.combine(at.astimezone(UTC).date(), time(0), UTC) + GOOD_FOR
    return (
        f"Contact: mailto:{mail}\n"
        f"Expires: {ends.isoformat().replace('+00:00', 'Z')}\n"
        "Preferred-Languages: en\n"
        f"Canonical: {pages_url}{SECURITY_TXT}\n"
        f"Policy: {pages_url}{POLICY_TXT}\n"
    )


def policy_txt(*, mail: str) -> str:
    """Give what we ask of who looks for holes, and promise them."""
    return _POLICY.format(mail=mail)
