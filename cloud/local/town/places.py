"""Where the town's homes stand: eight places on four clocks, and how people there are called."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cloud.local.town.draws import Draws


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the town.

    Attributes:
        code: short, as ids of homes begin with it.
        postal: the first digits that its postal codes have in common; two more follow.
        utc_offset_hours: of its standard time.
        area: of its telephone numbers, of which 555-01xx are nobody's.
    """

    code: str
    name: str
    state: str
    postal: str
    latitude: float
    longitude: float
    zone: str
    utc_offset_hours: int
    area: str
    streets: tuple[str, ...]

    @property
    def clock(self) -> ZoneInfo:
        """Give the clock on the wall."""
        return ZoneInfo(self.zone)


GOLDEN = Place(
    "GOL", "Golden", "CO", "804", 39.755, -105.221, "America/Denver", -7, "303",
    ("Lookout View Dr", "Table Mesa Ct", "Arapahoe St", "Quaker Mill Rd", "Ford Hill Ln"),
)  # fmt: skip
SACRAMENTO = Place(
    "SAC", "Sacramento", "CA", "958", 38.581, -121.494, "America/Los_Angeles", -8, "916",
    ("Tule Reed Way", "Delta Breeze Ln", "Almond Row", "Folsom Grove Ct", "Riverbend Dr"),
)  # fmt: skip
SAN_DIEGO = Place(
    "SAN", "San Diego", "CA", "921", 32.832, -117.131, "America/Los_Angeles", -8, "619",
    ("Torrey View Ter", "Mesa Sage Dr", "Harbor Crest St", "Coral Tree Pl", "Zion Hills Rd"),
)  # fmt: skip
PHOENIX = Place(
    "PHX", "Phoenix", "AZ", "850", 33.487, -112.168, "America/Phoenix", -7, "602",
    ("W Ocotillo Ln", "E Saguaro Bloom Dr", "N Copper Basin Rd", "S Mesquite St", "Agave Cir"),
)  # fmt: skip
AUSTIN = Place(
    "AUS", "Austin", "TX", "787", 30.316, -97.744, "America/Chicago", -6, "512",
    ("Pecan Hollow Dr", "Bluebonnet Bend", "Barton Ridge Ln", "Live Oak Cv", "Limestone Trl"),
)  # fmt: skip
NAPERVILLE = Place(
    "NAP", "Naperville", "IL", "605", 41.751, -88.153, "America/Chicago", -6, "630",
    ("Prairie Rose Ct", "Mill Pond Rd", "Riverwoods Ave", "Foxglove Ln", "Aurora Oaks Dr"),
)  # fmt: skip
TAMPA = Place(
    "TPA", "Tampa", "FL", "336", 27.902, -82.453, "America/New_York", -5, "813",
    ("Bayshore Palm Dr", "Egret Landing Way", "Cypress Knee Ln", "Ybor Garden St", "Mangrove Ct"),
)  # fmt: skip
MONTCLAIR = Place(
    "MTC", "Montclair", "NJ", "070", 40.826, -74.209, "America/New_York", -5, "973",
    ("Watchung Slope", "Upper Orchard St", "Valley Mill Rd", "Grove Hill Ave", "Bellevue Ter"),
)  # fmt: skip
PLACES = (GOLDEN, SACRAMENTO, SAN_DIEGO, PHOENIX, AUSTIN, NAPERVILLE, TAMPA, MONTCLAIR)
TURNS = (
    GOLDEN, SACRAMENTO, SAN_DIEGO, GOLDEN, PHOENIX, SACRAMENTO, AUSTIN, GOLDEN, NAPERVILLE,
    TAMPA, MONTCLAIR,
)  # fmt: skip
"""The places in the order in which homes are given out: those who sign in work in the first two."""

FIRST_NAMES = (
    "Amara", "Andre", "Beatriz", "Caleb", "Carmen", "Clara", "Daniel", "Dolores", "Elena", "Ethan",
    "Farid", "Grace", "Hana", "Hector", "Imani", "Isaac", "Jasmine", "Jorge", "Julia", "Kenji",
    "Laila", "Leon", "Linh", "Luis", "Marcus", "Mei", "Miriam", "Nadia", "Noah", "Olga", "Omar",
    "Owen", "Pilar", "Priya", "Quinn", "Rafael", "Rosa", "Ruth", "Samuel", "Selma", "Sofia",
    "Tariq", "Theo", "Uma", "Victor", "Wanda", "Xavier", "Yusuf", "Zoe",
)  # fmt: skip
SURNAMES = (
    "Abernathy", "Acosta", "Barlow", "Bergstrom", "Castellano", "Chowdhury", "Crane", "Dempsey",
    "Diaz", "Eastwick", "Eriksen", "Fairbanks", "Fontaine", "Gallagher", "Grewal", "Halloran",
    "Hashimoto", "Ibarra", "Ivers", "Janowski", "Jimenez", "Kaplan", "Kowalczyk", "Larkin",
    "Lindholm", "Mahoney", "Montoya", "Nakagawa", "Novak", "O'Dell", "Okonkwo", "Paredes",
    "Pruitt", "Quintero", "Ramaswamy", "Rosales", "Salazar", "Schuster", "Tanaka", "Thibodeaux",
    "Umarov", "Underhill", "Valdez", "Vance", "Whitaker", "Wong", "Yamada", "Yates", "Zamora",
    "Ziegler",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Household:
    """Who lives in a home, where it stands, and how to reach them.

    Attributes:
        number: counts the town's homes from 1.
    """

    number: int
    place: Place
    name: str
    email: str
    phone: str
    address: str
    latitude: float
    longitude: float

    @property
    def site_id(self) -> str:
        """Name the home."""
        return f"SITE-{self.place.code}-{self.number:03}"

    @property
    def project_id(self) -> str:
        """Name the sale and construction of its system."""
        return f"PRJ-{self.place.code}-{self.number:03}"

    @property
    def gateway_id(self) -> str:
        """Name its gateway."""
        return f"gw-{self.place.code.lower()}-{self.number:03}"


def household(number: int) -> Household:
    """Give the home of a number: its place follows in turn, the rest by draws of its own."""
    place = TURNS[(number - 1) % len(TURNS)]
    draws = Draws("household", number)
    first, last = draws.pick(FIRST_NAMES), draws.pick(SURNAMES)
    plain = last.replace("'", "").lower()
    return Household(
        number=number,
        place=place,
        name=f"{first} {last}",
        email=f"{first.lower()}.{plain}.{number:03}@homes.example",
        phone=f"({place.area}) 555-01{draws.below(100):02}",
        address=(
            f"{draws.between(11, 989) * 10 + draws.below(10)} {draws.pick(place.streets)}, "
            f"{place.name} {place.state} {place.postal}{draws.between(1, 60):02}"
        ),
        # A street lies within some 9 km of its place, near enough to be judged beside the others.
        latitude=round(place.latitude + draws.between(-80, 80) / 1000, 4),
        longitude=round(place.longitude + draws.between(-90, 90) / 1000, 4),
    )
