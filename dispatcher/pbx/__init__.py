"""PBX drivers: one folder a family, behind the one protocol in :mod:`dispatcher.pbx.protocol`."""
