"""The same job as a capable user of the same libraries would write it in an afternoon.

One FastAPI application takes calls in and receives the PBX's reports, one commit per report. One Dramatiq
actor per call holds `ConcurrentRateLimiter`, the trunk's limit, from before the dial until the call's last
report. It runs on SQLite and on PostgreSQL, and shares nothing with the dispatcher.

    BASELINE_DATABASE=… BASELINE_REDIS=… BASELINE_PBX=… uvicorn bench.baseline.app:app --port 8260
    BASELINE_DATABASE=… BASELINE_REDIS=… BASELINE_PBX=… dramatiq bench.baseline.tasks -p 2 -t 16
"""
