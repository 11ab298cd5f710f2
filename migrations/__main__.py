"""`python -m migrations "what changes"`: write the next migration from what the tables have become."""

import sys
import tempfile

from dispatcher.store import schema


def main() -> None:
    """Migrate an empty SQLite file, compare it with the tables, and write the difference."""
    if len(sys.argv) != 2:
        raise SystemExit('usage: python -m migrations "what changes"')
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/empty.db"
        schema.upgrade(url)
        schema.draft(url, sys.argv[1])


main()
