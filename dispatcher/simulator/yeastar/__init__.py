"""What the two generations of Yeastar's web API have in common: envelope, sessions, download of records."""
