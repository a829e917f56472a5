"""Houses made of registers: sun, inverter, battery and faults, on a Modbus port or in memory."""
