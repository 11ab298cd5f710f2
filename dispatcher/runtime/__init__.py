"""A process of the dispatcher: what it is wired of, and how it runs and stops."""
