"""What was agreed on when something is wrong."""

from datetime import date, time, timedelta

from cloud.kernel.policy import DESIGN, SERVICE_ARTICLE, Rule, Source

FIRST = date(2025, 1, 1)
_DETECTION = Source(SERVICE_ARTICLE, "1.1 Intelligent Issue Detection")
_NEIGHBOURS = Source(DESIGN, "0006 Neighbours are the weather")
_SWEEP = Source(DESIGN, "0020 A sweep measures first and judges after")

EVALUATIONS = Rule(
    id="D-11",
    unit="times of day on the site's standard clock",
    source=_DETECTION,
    says="a site is looked at three times a day",
    values={FIRST: (time(5), time(13), time(21))},
    note="The article gives no hours. The first one comes after a day's data had time to arrive.",
)
ISSUE_PERSISTS = Rule(
    id="D-12",
    unit="elapsed time since the first bad observation",
    source=_DETECTION,
    says="an issue that lasts longer than 48 hours opens a case",
    values={FIRST: timedelta(hours=48)},
    note="Strictly longer, in elapsed time. Seen three times a day, a case opens after 48 to 56 h.",
)
ISSUE_CLEARS = Rule(
    id="D-12a",
    unit="good evaluations in a row",
    source=Source(DESIGN, "0006 Neighbours are the weather"),
    says="an issue is over after two good evaluations in a row: flapping does not restart it",
    values={FIRST: 2},
)
PRODUCTION_FLOOR = Rule(
    id="D-13",
    unit="percent of the expected energy of the day",
    source=_DETECTION,
    says="a day that makes less than 85% of what was expected counts as low",
    values={FIRST: 85},
    note="Strictly less: a day exactly on the floor is not low.",
)
LOW_DAYS = Rule(
    id="D-13a",
    unit="low days in a row",
    source=_DETECTION,
    says="three low days in a row open a case",
    values={FIRST: 3},
    note="A day that cannot be judged neither counts nor resets.",
)
UNJUDGED_DAYS = Rule(
    id="D-13b",
    unit="days in a row that cannot be judged",
    source=Source(DESIGN, "0006 Neighbours are the weather"),
    says="more than ten days in a row without a verdict make the count of low days start afresh",
    values={FIRST: 10},
)
WELL_DAYS = Rule(
    id="D-13c",
    unit="judged days in a row that are not low",
    source=Source(DESIGN, "0006 Neighbours are the weather"),
    says="low days are over after as many days in a row that are not low",
    values={FIRST: 3},
    note="A day that cannot be judged neither counts nor resets here as well.",
)
NOTICE = Rule(
    id="D-14",
    unit="notices to the customer",
    source=_DETECTION,
    says="a case that detection opens tells the customer at once",
    values={FIRST: 1},
)
FEWEST_NEIGHBOURS = Rule(
    id="D-61",
    unit="healthy sites with a known day, the site itself not counted",
    source=_NEIGHBOURS,
    says="with fewer than five neighbours the day's weather is not known, and no day is judged",
    values={FIRST: 5},
)
WARM_UP = Rule(
    id="D-63",
    unit="days with an answer from site and neighbours",
    source=_NEIGHBOURS,
    says="a site's own scale is learned over its first fourteen good days",
    values={FIRST: 14},
)
SAMPLE_SHARE = Rule(
    id="D-65",
    unit="share of a day's samples",
    source=_NEIGHBOURS,
    says="a day whose counter is known at both ends needs half of its samples to be a whole day",
    values={FIRST: 0.5},
)

NEAR = Rule(
    id="D-66",
    unit="km",
    source=_NEIGHBOURS,
    says="neighbours are looked for within 25 km, then within 50, until there are five",
    values={FIRST: (25.0, 50.0)},
    note="By their weight (D-67, D-67a) the near ones decide, where there are enough of them.",
)
NEIGHBOURS_FADE = Rule(
    id="D-67",
    unit="km at which a neighbour weighs 1/e of one next door",
    source=_NEIGHBOURS,
    says="a near neighbour weighs more than a far one: clouds are alike over about 8 km",
    values={FIRST: 8.0},
    note=(
        "Clouds are alike by exp(-(distance / 8 km)^2). Where no feed tells of the light, that is "
        "the weight: a tenth is left at 12 km."
    ),
)
NEIGHBOURS_COUNT = Rule(
    id="D-67a",
    unit="neighbours, counted by their weights (Kish)",
    source=_NEIGHBOURS,
    says="with a feed, where the near ones count for fewer, far ones weigh more until they do",
    values={FIRST: 6.0},
    note=(
        "Once a feed has told of the light, sites 3 km apart differ by 7 to 9%, 12 km apart by 11 "
        "to 14%. So one next door that decides alone tells more of its own roof than of the sky."
    ),
)
MOST_NEIGHBOURS = Rule(
    id="D-68",
    unit="nearest sites asked",
    source=_NEIGHBOURS,
    says="more than 32 neighbours are not asked: they add time and no certainty",
    values={FIRST: 32},
)
WHOLE_DAY = Rule(
    id="D-69",
    unit="share of a day's samples",
    source=_NEIGHBOURS,
    says="a day with fewer samples is a partial day, and a partial day is not judged",
    values={FIRST: 0.95},
)
THROTTLED = Rule(
    id="D-70",
    unit="share of daylight under an export or power limit",
    source=_NEIGHBOURS,
    says="a day on which the inverter was held back for longer is not judged",
    values={FIRST: 0.05},
)
DARK_DAY = Rule(
    id="D-71",
    unit="share of the clear-sky energy of the day",
    source=_NEIGHBOURS,
    says="a day of which less was expected is too dark to be judged",
    values={FIRST: 0.3},
)
NEXT_TO_NOTHING = Rule(
    id="D-71a",
    unit="share of the expected energy of the day",
    source=_NEIGHBOURS,
    says="but less than this is low on the darkest day: a site that is off is off",
    values={FIRST: 0.25},
)
DUSK = Rule(
    id="D-71b",
    unit="share of the clear-sky energy of the day",
    source=_NEIGHBOURS,
    says="and of a day of which even less was expected nothing is told at all",
    values={FIRST: 0.05},
)
SNOW_COLD = Rule(
    id="D-72",
    unit="degrees C, mean of four days",
    source=_NEIGHBOURS,
    says="where no snow feed is, snow is possible when it was colder over four days",
    values={FIRST: 1.0},
)
SNOW_SPREAD = Rule(
    id="D-72a",
    unit="1.4826 median absolute deviations of the neighbours' log ratio",
    source=_NEIGHBOURS,
    says="and the neighbours differ by more than this: some roofs are covered, some are not",
    values={FIRST: 0.3},
)
SNOW_DEPTH = Rule(
    id="D-72b",
    unit="share of their expectation that the middle neighbour makes",
    source=_NEIGHBOURS,
    says="or the middle neighbour makes less than this: most roofs are covered",
    values={FIRST: 0.35},
)
SNOW_MELTS = Rule(
    id="D-72c",
    unit="days",
    source=_NEIGHBOURS,
    says="a site that was low under snow and was not well since has so long to shed the rest",
    values={FIRST: 5},
    note=(
        "Well is meant beside neighbours who agree (D-78): while they differ, their middle may be "
        "as covered as the site, and a day as good as theirs does not tell that its roof is bare."
    ),
)
SNOW_WILD = Rule(
    id="D-72d",
    unit="1.4826 median absolute deviations of the neighbours' log ratio",
    source=_NEIGHBOURS,
    says="neighbours that differ by more than this differ by more than clouds can make them",
    values={FIRST: 0.5},
)
SNOW_COOL = Rule(
    id="D-72e",
    unit="degrees C, mean of four days",
    source=_NEIGHBOURS,
    says="and then snow is possible below this: one night's snow lies after a mild day",
    values={FIRST: 5.0},
)
SCALE_STEP = Rule(
    id="D-73",
    unit="share of a day's difference by which the scale follows",
    source=_NEIGHBOURS,
    says="after the warm-up the scale follows slowly, until low days follow each other",
    values={FIRST: 0.03},
    note="While it is young it is a mean of all days so far, so its first steps are larger.",
)
SCALE_CLIP = Rule(
    id="D-73a",
    unit="logarithm of the ratio",
    source=_NEIGHBOURS,
    says="one day moves the scale by no more than a day this far off would",
    values={FIRST: 0.15},
)
SCALE_FLOOR = Rule(
    id="D-73b",
    unit="logarithm below the anchor",
    source=_NEIGHBOURS,
    says="the scale never follows further down than this: a fault is not learned away",
    values={FIRST: 0.02},
)
ANCHOR_STEP = Rule(
    id="D-73d",
    unit="share of the difference by which the anchor follows the scale, each judged day",
    source=_NEIGHBOURS,
    says="the anchor is the scale's own slow mean, over about two months",
    values={FIRST: 0.02},
)
DEAD_AT_BIRTH = Rule(
    id="D-73c",
    unit="share of the design's expectation",
    source=_NEIGHBOURS,
    says="in the warm-up a day below half of what the design lets expect is low, not learned",
    values={FIRST: 0.5},
)
LONE_SPREAD = Rule(
    id="D-74",
    unit="logarithm of the ratio",
    source=_NEIGHBOURS,
    says="without neighbours the hourly feed is the weather, and it is doubted by so much",
    values={FIRST: 0.1},
)
WATCH_STEP = Rule(
    id="D-75",
    unit="share of a day in the running mean",
    source=_NEIGHBOURS,
    says="the watch-list looks at a running mean of the log ratio, a tenth of it new each day",
    values={FIRST: 0.1},
)
WATCH_OPENS = Rule(
    id="D-75a",
    unit="running mean of the log ratio",
    source=_NEIGHBOURS,
    says="below this a site is put on the watch-list, which is never a case",
    values={FIRST: -0.055},
)
WATCH_CLOSES = Rule(
    id="D-75b",
    unit="running mean of the log ratio",
    source=_NEIGHBOURS,
    says="above this it is taken off",
    values={FIRST: -0.0275},
)
SUSPECTED = Rule(
    id="D-76",
    unit="low days in a row",
    source=_NEIGHBOURS,
    says="a site with so many low days is suspected, and no witness of the weather",
    values={FIRST: 2},
)
VISIT_FORGIVES = Rule(
    id="D-77",
    unit="logarithm of the ratio, each judged day",
    source=_NEIGHBOURS,
    says="what is sure of a loss adds up from day to day, less what a sound site may lack",
    values={FIRST: 0.09},
    note="About half way between a sound site and the floor of 85%.",
)
VISIT_DAY = Rule(
    id="D-77a",
    unit="logarithm of the ratio",
    source=_NEIGHBOURS,
    says="one day alone adds no more than this, so that no single day sends anybody",
    values={FIRST: 0.2},
)
VISIT_SURE = Rule(
    id="D-77b",
    unit="sum of the logarithms",
    source=_NEIGHBOURS,
    says="a visit may be sent while a case is open and more than this has added up",
    values={FIRST: 0.45},
)
VISIT_DOUBT = Rule(
    id="D-77c",
    unit="times the day's doubt beyond 0.08",
    source=_NEIGHBOURS,
    says="of what a day lacks, twice its doubt is not sure: it is taken off before it adds up",
    values={FIRST: 2.0},
)
WIDEST_DOUBT = Rule(
    id="D-78",
    unit="logarithm of the ratio",
    source=_NEIGHBOURS,
    says="a day of which the expectation is less sure counts only when it is beyond that doubt",
    values={FIRST: 0.12},
)
DOUBT_FACTOR = Rule(
    id="D-78a",
    unit="times the doubt beyond the widest",
    source=_NEIGHBOURS,
    says="so far on either side of the floor the day must lie",
    values={FIRST: 4.0},
)
USUAL_SPREAD = Rule(
    id="D-78b",
    unit="logarithm of the ratio",
    source=_NEIGHBOURS,
    says="what neighbours usually differ by: a few that agree are not believed at once",
    values={FIRST: 0.1},
)
USUAL_WEIGHT = Rule(
    id="D-78c",
    unit="neighbours",
    source=_NEIGHBOURS,
    says="the usual spread counts as so many neighbours next door",
    values={FIRST: 5.0},
)
SAMPLING = Rule(
    id="D-78d",
    unit="share of the variance, over the number of neighbours",
    source=_NEIGHBOURS,
    says="the middle of a few neighbours is itself uncertain",
    values={FIRST: 4.0},
    note="1.57 for a median, and as much again and more for what is not known of their scales.",
)
FEWEST_OF_A_KIND = Rule(
    id="D-79",
    unit="sites of a make, model or firmware, and as many others",
    source=_NEIGHBOURS,
    says="from so many on a kind is put beside all others: neighbours of one kind hide its fault",
    values={FIRST: 5},
)
HAZARDS = Rule(
    id="D-80",
    unit="kinds of hazard that are told at once: at any time, and while the grid is out",
    source=Source(DESIGN, "0014 Readings of the articles, Service"),
    says="an arc, a ground fault, a battery that overheats or does not switch is told at once; any "
    "other failing battery while the grid is out",
    values={FIRST: (("electrical_hazard", "thermal_event"), ("bess_malfunction",))},
    note="The words are those of the emergency rules. The grid is out for a home in an outage of "
    "its cell, and for one whose inverter says that it is cut off.",
)
PRESENCE = Rule(
    id="D-81",
    unit="hours of daylight with the issue in them, added up",
    source=_DETECTION,
    says="heat and cold come and go with the day: only the hours in which they are there count",
    values={FIRST: timedelta(hours=48)},
    note="An hour with one bad sample counts. Two good evaluations in a row begin the sum anew.",
)
SUN_UP = Rule(
    id="D-82",
    unit="degrees of the sun above the horizon",
    source=_NEIGHBOURS,
    says="an inverter is asked to be awake, and a device to answer, while the sun stands higher",
    values={FIRST: 10.0},
)
NEIGHBOURS_RUN = Rule(
    id="D-83",
    unit="share of the rating, middle of the neighbours' mean power in an hour",
    source=_NEIGHBOURS,
    says="an inverter that is off counts only in hours in which its neighbours made more",
    values={FIRST: 0.1},
    note="As many neighbours as D-61 asks for must be known in that hour.",
)
OUTAGE_SHARE = Rule(
    id="D-84",
    unit="share of a cell's sites that could tell",
    source=_NEIGHBOURS,
    says="when more of a cell's sites lose the grid in one hour, it is the grid, and not the sites",
    values={FIRST: 0.3},
    note="Of the sites that were heard awake: an outage silences many. As many as D-61 must be.",
)
OUTAGE_PAUSES = Rule(
    id="D-84a",
    unit="elapsed time without a sign of it",
    source=_NEIGHBOURS,
    says="an outage that is seen again sooner is the same one: a night lies between",
    values={FIRST: timedelta(hours=16)},
)
CELL = Rule(
    id="D-85",
    unit="km, width of a square",
    source=_NEIGHBOURS,
    says="a cell is a square of 12 km; where it has too few sites, one of 25, or of 50",
    values={FIRST: (12.0, 25.0, 50.0)},
)
STUCK_SAMPLES = Rule(
    id="D-86",
    unit="daylight samples in a row that say the same power, or the same counter",
    source=_NEIGHBOURS,
    says="a meter is stuck when six samples say the same, and power and counter contradict",
    values={FIRST: 6},
    note="An inverter at its limit says the same power for hours, but its counter goes along.",
)
STUCK_TIME = Rule(
    id="D-86a",
    unit="elapsed time from the first of them to the last",
    source=_NEIGHBOURS,
    says="and they last for longer: some devices renew their counter once an hour",
    values={FIRST: timedelta(hours=1)},
)
STUCK_DOUBT = Rule(
    id="D-86b",
    unit="share of the energy that the power makes of the time",
    source=_NEIGHBOURS,
    says="power and counter contradict when they differ by more, and by two steps of the counter",
    values={FIRST: 0.5},
)
STUCK_LEAST = Rule(
    id="D-86c",
    unit="watt-hours",
    source=_NEIGHBOURS,
    says="and by more than this: of a few watts under snow no meter can be sure",
    values={FIRST: 200},
)
COUNTER_TURNS = Rule(
    id="D-87",
    unit="watt-hours that may have been made between two samples",
    source=Source(DESIGN, "0005 Energy comes from counters"),
    says="a counter that fell went round, and not back, if it would have made no more by that",
    values={FIRST: 1_000_000},
    note="Between which values a counter goes round is T-07.",
)
CLOCK_WRONG = Rule(
    id="D-88",
    unit="elapsed time by which a reading lies after its own arrival",
    source=_NEIGHBOURS,
    says="a gateway that sends readings from later than now has a wrong clock",
    values={FIRST: timedelta(minutes=15)},
    note="One that says that its clock was not set is believed. Readings that come late are no "
    "sign of it: a gateway that was cut off sends them for days.",
)
STRING_SHARE = Rule(
    id="D-89",
    unit="share of an input's own learned share of the site's energy",
    source=_NEIGHBOURS,
    says="an input that makes less than this of what is usual for it makes next to nothing",
    values={FIRST: 0.15},
)
STRING_DAYS = Rule(
    id="D-89a",
    unit="days in a row",
    source=_NEIGHBOURS,
    says="a string is missing when its input made next to nothing on two days running",
    values={FIRST: 2},
    note="A day of which the inputs are not known, or that was held back, says nothing.",
)
STRING_LEAST = Rule(
    id="D-89b",
    unit="watt-hours that the input usually makes of the day's energy",
    source=_NEIGHBOURS,
    says="on a day on which less was to be had of an input, nothing is told of it",
    values={FIRST: 1000},
)
LATE_WINDOWS = Rule(
    id="D-90",
    unit="elapsed time",
    source=_NEIGHBOURS,
    says="a window is sent once it is over: what is told at once, or added up, is looked for so "
    "far before the last evaluation",
    values={FIRST: timedelta(hours=4)},
)
SHARD_SITES = Rule(
    id="D-96",
    unit="sites measured at once",
    source=_SWEEP,
    says="a region's sites are measured in parts of at most this many",
    values={FIRST: 500},
)
BREAKER_SHARE = Rule(
    id="D-97",
    unit="share of a region's sites",
    source=_SWEEP,
    says="a sweep that finds something new at more of a region's sites stops and asks a person",
    values={FIRST: 0.1},
    note="A usual day finds something at one site in five hundred.",
)
BREAKER_LEAST = Rule(
    id="D-97a",
    unit="sites",
    source=_SWEEP,
    says="and at this many or fewer it never stops",
    values={FIRST: 5},
)
FLEET_BREAKER_SHARE = Rule(
    id="D-98",
    unit="share of the sites of one clock",
    source=_SWEEP,
    says="it stops as well once the regions of one clock together have found so much",
    values={FIRST: 0.03},
)
FLEET_BREAKER_LEAST = Rule(
    id="D-98a",
    unit="sites",
    source=_SWEEP,
    says="and at this many or fewer it does not",
    values={FIRST: 25},
)
OPEN_DAYS = Rule(
    id="D-99",
    unit="days",
    source=_SWEEP,
    says="a day may become known, and is judged anew, for so long; then it is settled",
    values={FIRST: 35},
    note="A gateway keeps what it sent for 7 days, and what it could not send for longer.",
)
RECENT_DAYS = Rule(
    id="D-99a",
    unit="days",
    source=_SWEEP,
    says="and most that comes late comes within so many days",
    values={FIRST: 5},
)
SHARD_ANSWERS = Rule(
    id="D-100",
    unit="elapsed time",
    source=_SWEEP,
    says="a part of a sweep that has not answered after this long is sent again",
    values={FIRST: timedelta(hours=1)},
    note="Longer than a message is hidden while somebody works on it, or two would.",
)
SHARD_TRIES = Rule(
    id="D-100a",
    unit="times",
    source=_SWEEP,
    says="after so many times the region is judged without it",
    values={FIRST: 3},
)
SHAPE_KEEPS = Rule(
    id="D-101",
    unit="share kept of the months' first wave of the year, of the second, to the sixth",
    source=_NEIGHBOURS,
    says="of a design's months, what is alike before and after a solstice is kept, less if quick",
    values={FIRST: (1.0, 0.8, 0.6, 0.3, 0.2, 0.2)},
    note=(
        "A design is off by some 4% in each month, as much in the quick waves as in the slow ones. "
        "What a roof has of its own (shade, a tilt that differs) goes with the sun's height: it "
        "is three times as strong as that error in the first wave, and below it from the third on."
    ),
)
SHAPE_KEEPS_UNLIKE = Rule(
    id="D-101a",
    unit="share kept of the months' first wave of the year, of the second, to the fifth",
    source=_NEIGHBOURS,
    says="and of what is unlike, little: a roof sees the same sun in November as in January",
    values={FIRST: (0.3, 0.2, 0.1, 0.1, 0.1)},
    note="Some is kept, because trees have leaves in autumn that they have not in spring.",
)
SHADE_KEEPS = Rule(
    id="D-101b",
    unit="share of what a month is lower in the design than in its smoothed shape",
    source=_NEIGHBOURS,
    says="where shade is, a design's even lower month is believed: a horizon cuts off sharply",
    values={FIRST: 0.5},
    note=(
        "A low sun that skims the trees is gone within weeks, and smoothing lifts such a December. "
        "A month that the design puts higher is not believed: too much would be expected of it."
    ),
)
SHADE_DEPTH = Rule(
    id="D-101c",
    unit="logarithm of the share, below the year's middle",
    source=_NEIGHBOURS,
    says="all of it would be believed in a month that the smoothed shape puts so low, none at zero",
    values={FIRST: 0.2},
)
USUAL_UNREST = Rule(
    id="D-102",
    unit="logarithm of the ratio",
    source=_NEIGHBOURS,
    says="a low day of a site whose days scatter by more than this is doubted for what is beyond",
    values={FIRST: 0.075},
    note=(
        "A roof that the model knows badly, or that lies under clouds of its own, swings about "
        "while its neighbours agree. Its doubt joins theirs: the squares are added up. It excuses "
        "a low day only: one that reaches the floor is as good as any. If it had to lie as far "
        "above, only the wildest days would count, and a site that was restless would stay so."
    ),
)
UNREST_STEP = Rule(
    id="D-102a",
    unit="share of a day in the running scatter",
    source=_NEIGHBOURS,
    says="the scatter is a running mean over about a month, around the site's own running mean",
    values={FIRST: 0.025},
)
