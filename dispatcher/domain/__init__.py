"""What calls, facts, outcomes, retries and pacing mean. Pure: no clock, no SQL, no HTTP."""
