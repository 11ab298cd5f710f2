"""Yeastar P-Series: OpenAPI v1.0 of the appliance (P550 and larger), software and cloud editions."""

from dispatcher.pbx.yeastar_p.driver import YeastarP

__all__ = ["YeastarP"]
