"""Alembic migrations, the same for SQLite and PostgreSQL.

``dispatcher.store.schema`` runs them. After a change of the tables, ``python -m migrations "what changes"``
writes the next one from the difference; read it, tidy it, and think of the rows that are there already.
"""
