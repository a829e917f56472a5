"""The weather of a region's day is put on record, as whoever provides weather tells it."""

from datetime import datetime

from cloud.detection.fitting import require_whole, square_of
from cloud.detection.models import RegionRoster, RegionWeather, weather_id
from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.errors import BadInput
from cloud.kernel.ports import Records, require


def put_weather(
    records: Records, *, region_id: str, weather: RegionWeather, at: datetime, by: str
) -> RegionWeather:
    """Put a day's weather on record, in the place of the one before; the same changes nothing.

    The next evaluation of the region judges by it, the day itself and those after it, as if it had
    been told in time (D-99); what is older than the open days stays as it was judged.

    Args:
        records: the region, and what was told before.
        region_id: the region's clock and square.
        weather: what is told.
        at: now.
        by: who tells it.

    Raises:
        BadInput: it cannot be that day's weather there, or the day is not over.
        NotFound: no site of that region was ever swept.
    """
    square = square_of(region_id)
    if weather.id != weather_id(region_id, weather.day):
        msg = f"putting the weather of {weather.id}: it is not {region_id}'s: put it there"
        raise BadInput(msg)
    require(records.load(RegionRoster, region_id), "region", region_id)
    require_whole(weather, square, at=at)
    stored = records.load(RegionWeather, weather.id)
    if stored is not None and stored.record == weather:
        return weather
    event = Event(
        subject=f"SWEEP-{region_id}",
        what="weather_put",
        at=at,
        by=by,
        rule="D-99",
        says=f"the weather of {weather.day} was told {'again' if stored else 'first'}",
    )
    save = Save(weather, stored.version if stored else NEW)
    records.commit(Change(saves=(save,), events=(event,)))
    return weather
