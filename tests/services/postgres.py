"""A private PostgreSQL server: a cluster of its own, on a free port and a UNIX socket."""

import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import sql

from tests.services.binaries import postgres_folder
from tests.services.process import HOST, ServerProcess, ServiceFailed, is_root, run_as

USER = "dispatcher"
SETTINGS = {"max_connections": "200", "shared_buffers": "128MB", "log_min_messages": "warning"}
# A commit reaches the operating system but waits for no disk: it survives a crash of PostgreSQL, not of the
# machine. `synchronous_commit` stays on, for without it a crash of PostgreSQL alone loses commits.
UNSYNCED = {"fsync": "off", "full_page_writes": "off"}


class PostgresServer(ServerProcess):
    """PostgreSQL with its own cluster in a temporary folder.

    `fsync` makes every commit wait for the disk, as in production. `settings` are further lines of
    postgresql.conf. `kill` is PostgreSQL's immediate shutdown: no checkpoint, sessions cut, recovery from the
    log at the next start, and no process or shared memory left behind.
    """

    name: ClassVar[str] = "postgres"
    kill_signal: ClassVar[signal.Signals] = signal.SIGQUIT
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    def __init__(self, *, fsync: bool = False, settings: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._settings = {**SETTINGS, **({} if fsync else UNSYNCED), **(settings or {})}

    @property
    def socket_folder(self) -> Path:
        """Where the UNIX socket is: the `host` of a connection that goes round TCP."""
        return self.folder

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of one database, over TCP."""
        return f"postgresql+psycopg://{USER}@{HOST}:{self.port}/{database}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make a database, empty or as a copy of another, and return its URL."""
        if template is None:
            self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        else:
            names = sql.Identifier(name), sql.Identifier(template)
            self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return self.url(name)

    def freeze_database(self, name: str) -> None:
        """Close a database to everyone, so that it can be copied at any time."""
        self._run(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        self._run(
            sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}").format(name)
        )

    def drop_database(self, name: str) -> None:
        """Remove a database, cutting the sessions that are still in it."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection of the administrator's, each statement committed by itself."""
        return psycopg.connect(
            host=HOST, port=self.port, user=USER, dbname=database, autocommit=True, connect_timeout=5
        )

    def _run(self, statement: sql.Composed) -> None:
        with self.connect() as connection:
            connection.execute(statement)

    def _owner(self) -> str | None:
        if not is_root():
            return None
        for user in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(user).pw_name
            except KeyError:
                continue
        raise ServiceFailed(
            "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody"
        )

    def _prepare(self) -> None:
        owner = self._owner()
        if owner is not None:
            shutil.chown(self.folder, owner, pwd.getpwnam(owner).pw_gid)
        initdb = subprocess.run(
            [
                str(postgres_folder() / "initdb"),
                *("--pgdata", str(self._data), "--username", USER),
                *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **run_as(owner),
        )
        if initdb.returncode != 0:
            output = initdb.stderr
            self.close()
            raise ServiceFailed(f"initdb failed; it said:\n{output}")

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _command(self) -> list[str]:
        addresses = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
        }
        settings = [part for item in (addresses | self._settings).items() for part in ("-c", "=".join(item))]
        return [str(postgres_folder() / "postgres"), "-D", str(self._data), *settings]

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True
