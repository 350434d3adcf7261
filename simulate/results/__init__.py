"""From statistics to decisions to operating characteristics and their twins: pure functions."""
