"""Entering facts: what they mean for the attempt, its call and its alarm, all in one transaction."""
