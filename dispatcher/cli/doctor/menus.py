"""Where things are found in each family's own menu: the one place that knows families by name.

Yeastar's are those of the web page (S-Series API v1.1.0 manual, "API quick start"; K2 API v2.0.0 manual,
"Enable API access on PBX"; P-Series developer guide, "Enable API"), Axeos' those of its API document
("Access").
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Menus:
    """What a mend tells people to look for. Empty where the family has no such thing."""

    api: str
    """Where the API and its account are set up."""
    account: str
    """What happens after a wrong password."""
    blocked: str
    """How an address that is locked out is let in again."""
    web: str
    """Where the address and port of the API are set."""
    trunks: str
    ivrs: str
    clock: str
    extension: str = ""
    """Why a trunk needs an extension."""
    monitor: str = ""
    """How reports of calls that ring are switched on, trunk by trunk."""
    away: str = ""
    """What to look at when it does not answer, where it is not reached at a URL."""
    events: str = "choose on it, for its API's reports, the way that is configured here"
    """How the PBX is made to report calls at all, where the reports are fetched."""


_YEASTAR = Menus(
    api="Settings > PBX > General > API",
    account="after five wrong ones the PBX blocks this address for ten minutes",
    blocked=(
        "Wait ten minutes, or delete this address (type API-IP) on the PBX under "
        "Settings > System > Security Center > IP Auto Defense > Blocked IP Address"
    ),
    web="Settings > System > Security Center > Service",
    trunks="Settings > PBX > Trunks",
    ivrs="Settings > PBX > Call Features > IVR",
    clock="Settings > System > Date and Time",
    extension="one whose outbound routes lead to this trunk: the PBX asks for it",
    events="choose the report method under Settings > PBX > General > API, Save and Apply",
    monitor="Settings > PBX > General > API: tick Status Monitor for this trunk, Save and Apply",
)
_OTHER = Menus(
    api="its API settings",
    account="they may be locked after several wrong ones",
    blocked="Wait ten minutes, or let this address in again on the PBX",
    web="its network settings",
    trunks="its trunks",
    ivrs="its IVRs",
    clock="its date and time",
)
MENUS: dict[str, Menus] = {
    "yeastar-s": _YEASTAR,
    "yeastar-k2": _YEASTAR,
    "yeastar-p": Menus(
        api="Integrations > API",
        account="after five wrong ones the PBX blocks this address",
        blocked="Delete this address on the PBX under Security > Security Rules > Blocked IPs",
        web="System > Network > Web Server",
        trunks="Extension and Trunk > Trunk",
        ivrs="Call Features > IVR",
        clock="System > Date and Time",
        extension="one whose outbound routes lead to this trunk: the PBX asks for it",
        events="tick Call Status Monitor for the trunks under Integrations > API > Advanced Settings",
        monitor="Integrations > API > Advanced Settings: tick Call Status Monitor for this trunk",
    ),
    "asterisk": Menus(
        api="manager.conf, in the section of its account",
        account="Asterisk itself locks nobody out, but a fail2ban beside it may",
        blocked="Let this address in again where fail2ban or a firewall keeps it out",
        web="manager.conf",
        trunks="pjsip.conf, as the endpoint that dial names",
        ivrs="extensions.conf, as an extension of the context of IVRs",
        clock="the machine that it runs on",
        away=(
            "Check host, port and the network. manager.conf must say enabled = yes, with a bindaddr that "
            "can be reached, and the account's permit must hold this machine's address"
        ),
        events="give its account `read = system,call,user,dtmf,cdr` in manager.conf",
    ),
    "axeos": Menus(
        api="System > API Keys",
        account="the PBX answers nothing to a wrong one",
        blocked="Wait ten minutes, or look at System > API Keys",
        web="System > Options > API Key, where plain HTTP is off unless it is allowed",
        trunks="its trunks",
        ivrs="its dial plan",
        clock="System > Options",
        events='add an action "API events", with a tag, to the dial plan that outbound calls pass',
    ),
}


def menus_of(family: str) -> Menus:
    """The menus of a family; general words for one that is not listed."""
    return MENUS.get(family, _OTHER)
