"""One home for tests that care for little of it: `replace` says what they do care for."""

from datetime import date

from cloud.portfolio.models import Site

HOME = Site(
    id="site-1",
    gateway_id="gw-1",
    customer_name="Sample Customer",
    customer_email="customer@home.example",
    address="1 Example St, Raleigh NC",
    state="NC",
    latitude=35.78,
    longitude=-78.64,
    utc_offset_hours=-5,
    time_zone="America/New_York",
    commissioned_on=date(2024, 5, 1),
    dc_rating_w=8000,
    manufacturer="Enphase",
    inverter_model="IQ8",
    installer_id="orig",
    workmanship_until=date(2034, 5, 1),
)
