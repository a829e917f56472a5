"""The same functions without AWS: one process, one data folder, loopback only."""
