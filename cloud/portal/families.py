"""What the kinds of trouble are called on pages: detection's families, and what people report."""

from cloud.portal.shown import words

_WORDS = {
    "PRODUCTION": "Too little energy",
    "INVERTER": "Inverter or its strings",
    "BATTERY": "Battery",
    "COMMUNICATIONS": "Not heard from",
    "DATA": "Readings that cannot be right",
    "GRID": "Grid",
    "no_production": "Makes nothing",
    "low_production": "Makes too little",
    "battery": "Battery",
    "monitoring": "App or monitoring",
    "roof_leak": "Roof leak",
    "electrical_hazard": "Electrical hazard",
    "thermal_event": "Fire, smoke or heat",
    "physical_damage": "Damage",
    "bess_malfunction": "Battery fails, grid out",
    "other": "Other trouble",
}


def family_words(family: object) -> str:
    """Give a family of trouble in words."""
    name = str(getattr(family, "value", family))
    return _WORDS.get(name) or words(name.lower())
