"""The PBX's clocks: monotonic time for durations, local time without a zone for records, and call ids."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


class PbxClock:
    """Local time in the PBX's zone, and Asterisk unique ids (`<unix seconds>.<sequence>`)."""

    def __init__(self, timezone: str, ahead: float = 0.0) -> None:
        """`ahead` is by how many seconds the PBX's clock is fast; negative: slow."""
        self._zone = ZoneInfo(timezone)
        self._ahead = ahead
        self._sequence = 0
        self._formatted_second = -1
        self._formatted = ""

    def local_time(self, wall: float) -> str:
        """`YYYY-MM-DD HH:MM:SS` in the PBX's zone, as reports and call records carry it."""
        second = int(wall + self._ahead)
        if second != self._formatted_second:
            moment = datetime.fromtimestamp(second, UTC).astimezone(self._zone)
            self._formatted = moment.strftime("%Y-%m-%d %H:%M:%S")
            self._formatted_second = second
        return self._formatted

    def utc_offset_hours(self, wall: float) -> int:
        """Whole hours between the PBX's zone and UTC."""
        offset = datetime.fromtimestamp(wall, UTC).astimezone(self._zone).utcoffset()
        return round(offset.total_seconds() / 3600) if offset is not None else 0

    def call_ids(self) -> tuple[str, str]:
        """A fresh callid and the outboundid of its leg: mostly the next sequence number, but not always."""
        sequence = self._sequence + 1
        leg = sequence + (3 if sequence % 10 == 0 else 1)
        self._sequence = leg
        epoch = int(time.time() + self._ahead)
        return f"{epoch}.{sequence}", f"{epoch}.{leg}"
