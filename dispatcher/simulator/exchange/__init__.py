"""A telephone exchange as every family has one: channels, callees, live calls and call records."""
