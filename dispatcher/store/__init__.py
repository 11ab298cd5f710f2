"""The SQL store: the queue of record and the only place where state lives.

Functions here take an open transaction and know the tables; when a transaction begins and commits is
the use cases' business, through :class:`~dispatcher.store.engine.Store`.
"""
