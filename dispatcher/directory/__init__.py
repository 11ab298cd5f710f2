"""People: contacts, groups, who is on call when, and whom nobody may call."""
