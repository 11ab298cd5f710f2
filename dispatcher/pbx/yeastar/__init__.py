"""What the Yeastar families share: the envelope of requests, the words of reports, the repair of bad JSON."""
