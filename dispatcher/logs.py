"""Logging for every role: one line an event, as text or JSON."""

import json
import logging
import sys
from datetime import UTC, datetime

from dispatcher.config import LogSettings

_QUIET = ("httpx", "httpcore", "sqlalchemy.engine", "alembic", "dramatiq", "uvicorn.error", "uvicorn.access")
"""Libraries whose chatter would drown ours, or show a PBX's token in a URL."""


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _WithoutAnswerHeaders(logging.Filter):
    """Drops the debug line in which httpcore prints an answer's headers: they may repeat a secret address."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may be logged."""
        return "receive_response_headers" not in record.getMessage()


_ANSWER_HEADERS = _WithoutAnswerHeaders()


def keep_answer_headers_out() -> None:
    """Keep what servers answer out of the log, at any level; for everything that asks addresses of others."""
    for name in ("httpcore.http11", "httpcore.http2"):
        logging.getLogger(name).addFilter(_ANSWER_HEADERS)


def set_up_logging(settings: LogSettings) -> None:
    """Log to standard error at the configured level."""
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(_JsonLine() if settings.json_lines else plain)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
