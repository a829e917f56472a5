"""SunSpec: find the models of a device, plan the reads, decode the points."""
