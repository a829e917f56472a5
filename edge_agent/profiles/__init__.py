"""Devices that do not speak SunSpec, as data: which register is which column."""
