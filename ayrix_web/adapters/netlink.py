"""The network interfaces of a Linux machine, as the kernel tells them to anybody (rtnetlink(7))."""

from __future__ import annotations

import re
from dataclasses import dataclass
from socket import AF_INET
from typing import Protocol

IFF_LOOPBACK = 0x8
IFA_F_SECONDARY = 0x01
RT_SCOPE_UNIVERSE = 0
RT_TABLE_MAIN = 254


@dataclass(frozen=True, slots=True)
class NetworkLink:
    """One interface; `mac` is the permanent one where the hardware has it, as 12 hex digits.

    `mac` is None where there is none, as for a tunnel. `addresses` are IPv4, the primary one first.
    """

    name: str
    mac: str | None
    addresses: tuple[str, ...] = ()
    is_loopback: bool = False
    has_default_route: bool = False


class _Message(Protocol):
    """What is used of a message of pyroute2, which ships no types."""

    def get_attr(self, name: str) -> str | int | None: ...

    def __getitem__(self, name: str) -> int: ...


def read_links() -> tuple[NetworkLink, ...]:
    """All interfaces in the kernel's order; raises OSError if the kernel does not answer."""
    # Late, because the library takes a third of a second and the command line rarely needs it.
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as netlink:
            links = list(netlink.get_links())
            addresses = list(netlink.get_addr(family=AF_INET))
            routes = list(netlink.get_routes(family=AF_INET, table=RT_TABLE_MAIN))
    except NetlinkError as error:
        raise OSError(f"netlink: {error}") from error
    default = _default_route(routes)
    return tuple(_link(link, addresses, default) for link in links)


def normalized_mac(text: str | None) -> str | None:
    """A MAC as 12 lower case hex digits; None if it is no address of one interface."""
    digits = re.sub(r"[^0-9a-f]", "", (text or "").lower())
    is_group = len(digits) == 12 and int(digits[:2], 16) & 0x01  # noqa: PLR2004 - IEEE 802: 48 bit
    if len(digits) != 12 or is_group or set(digits) == {"0"}:  # noqa: PLR2004 - as above
        return None
    return digits


def _default_route(routes: list[_Message]) -> _Message | None:
    """The default route the kernel prefers: the one with the lowest metric."""
    defaults = [route for route in routes if route["dst_len"] == 0 and route.get_attr("RTA_OIF")]
    return min(defaults, key=lambda route: int(route.get_attr("RTA_PRIORITY") or 0), default=None)


def _link(link: _Message, addresses: list[_Message], default: _Message | None) -> NetworkLink:
    index = link["index"]
    has_default_route = default is not None and default.get_attr("RTA_OIF") == index
    own = [address for address in addresses if address["index"] == index]
    # The source address of the default route is the machine's address for others.
    preferred = default.get_attr("RTA_PREFSRC") if default is not None and has_default_route else ""
    own.sort(key=lambda address: _rank(address, preferred))
    return NetworkLink(
        name=str(link.get_attr("IFLA_IFNAME")),
        mac=normalized_mac(_text(link, "IFLA_PERM_ADDRESS"))
        or normalized_mac(_text(link, "IFLA_ADDRESS")),
        addresses=tuple(_text(address, "IFA_LOCAL") or "" for address in own),
        is_loopback=bool(link["flags"] & IFF_LOOPBACK),
        has_default_route=has_default_route,
    )


def _rank(address: _Message, preferred: str | int | None) -> tuple[bool, bool, bool]:
    flags = int(address.get_attr("IFA_FLAGS") or 0)
    return (
        _text(address, "IFA_LOCAL") != preferred,
        address["scope"] != RT_SCOPE_UNIVERSE,
        bool(flags & IFA_F_SECONDARY),
    )


def _text(message: _Message, name: str) -> str | None:
    value = message.get_attr(name)
    return str(value) if value else None
