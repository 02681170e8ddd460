"""Pure: from what was observed to what is reported. No I/O; the time is given."""
