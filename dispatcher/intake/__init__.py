"""Intake: what monitoring systems and people ask for becomes alarms, campaigns and their calls."""
