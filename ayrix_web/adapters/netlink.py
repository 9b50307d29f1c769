"""The network interfaces of a Linux machine, as the kernel tells them to anybody (rtnetlink(7)).

Three questions need no library: pyroute2 would take 14 MB in each process and a third of a second
at its start, of which the smallest PBX has little. The tests compare this with it.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

NLM_F_REQUEST_DUMP = 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE = 18, 22, 26
IFLA_ADDRESS, IFLA_IFNAME, IFLA_PERM_ADDRESS = 1, 3, 54
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
RTA_OIF, RTA_PRIORITY, RTA_PREFSRC, RTA_TABLE = 4, 6, 7, 15
IFF_LOOPBACK = 0x8
IFA_F_SECONDARY = 0x01
RT_SCOPE_UNIVERSE = 0
RT_TABLE_MAIN = 254

ANSWER_TIMEOUT_S = 2.0
LARGEST_ANSWER = 64 * 1024
"""The kernel fills at most 32 KiB of a dump at a time (net/netlink/af_netlink.c)."""

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct("=I")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_FAMILY_ONLY = struct.Struct("=B15x")
_NESTED_FLAGS = 0xC000
"""The two bits of an attribute's type that only say how it is written."""

Attributes = dict[int, bytes]


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


@dataclass(frozen=True, slots=True)
class _Address:
    interface: int
    address: str
    scope: int
    is_secondary: bool


@dataclass(frozen=True, slots=True)
class _DefaultRoute:
    interface: int
    metric: int
    source: str


def read_links() -> tuple[NetworkLink, ...]:
    """All interfaces in the kernel's order; raises OSError if the kernel does not answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(ANSWER_TIMEOUT_S)
        netlink.bind((0, 0))
        addresses = [_address(*part) for part in _dump(netlink, RTM_GETADDR, _ADDRESS)]
        routes = [_default(*part) for part in _dump(netlink, RTM_GETROUTE, _ROUTE)]
        defaults = [route for route in routes if route is not None]
        default = min(defaults, key=lambda route: route.metric, default=None)
        links = _dump(netlink, RTM_GETLINK, _LINK)
        return tuple(_link(fields, told, addresses, default) for fields, told in links)


def normalized_mac(text: str) -> str | None:
    """A MAC as 12 lower case hex digits; None if it is no address of one interface."""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        return None
    is_group = bool(int(digits[:2], 16) & 0x01)  # IEEE 802: also the broadcast address
    return None if is_group or set(digits) == {"0"} else digits


def _dump(
    netlink: socket.socket, question: int, form: struct.Struct
) -> Iterator[tuple[tuple[int, ...], Attributes]]:
    """Everything the kernel knows of one kind, as the fixed fields and the attributes of each."""
    family = socket.AF_UNSPEC if question == RTM_GETLINK else socket.AF_INET
    body = _FAMILY_ONLY.pack(family)
    length = _HEADER.size + len(body)
    netlink.send(_HEADER.pack(length, question, NLM_F_REQUEST_DUMP, question, 0) + body)
    while True:
        data = netlink.recv(LARGEST_ANSWER)
        while data:
            length, kind, _flags, sequence, _port = _HEADER.unpack_from(data)
            message, data = data[_HEADER.size : length], data[_aligned(length) :]
            if sequence != question:
                continue
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                raise OSError(-struct.unpack_from("=i", message)[0], "netlink")
            yield form.unpack_from(message), dict(_attributes(message[form.size :]))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            return
        yield kind & ~_NESTED_FLAGS, data[_ATTRIBUTE.size : length]
        data = data[_aligned(length) :]


def _aligned(length: int) -> int:
    return max(4, (length + 3) & ~3)


def _address(fields: tuple[int, ...], told: Attributes) -> _Address:
    _family, _prefix, few_flags, scope, interface = fields
    flags = _number(told, IFA_FLAGS) or few_flags
    address = told.get(IFA_LOCAL) or told.get(IFA_ADDRESS) or bytes(4)
    return _Address(interface, socket.inet_ntoa(address), scope, bool(flags & IFA_F_SECONDARY))


def _default(fields: tuple[int, ...], told: Attributes) -> _DefaultRoute | None:
    """A default route of the main table; None for any other route."""
    table = _number(told, RTA_TABLE) or fields[4]
    if fields[1] != 0 or table != RT_TABLE_MAIN or RTA_OIF not in told:
        return None
    source = told.get(RTA_PREFSRC)
    return _DefaultRoute(
        interface=_number(told, RTA_OIF),
        metric=_number(told, RTA_PRIORITY),
        source=socket.inet_ntoa(source) if source else "",
    )


def _link(
    fields: tuple[int, ...],
    told: Attributes,
    addresses: list[_Address],
    default: _DefaultRoute | None,
) -> NetworkLink:
    _family, _kind, index, flags, _change = fields
    has_default_route = default is not None and default.interface == index
    # The source address of the default route is this machine's address for others.
    source = default.source if default is not None and has_default_route else ""
    own = [address for address in addresses if address.interface == index]
    own.sort(key=lambda a: (a.address != source, a.scope != RT_SCOPE_UNIVERSE, a.is_secondary))
    permanent, present = told.get(IFLA_PERM_ADDRESS, b""), told.get(IFLA_ADDRESS, b"")
    return NetworkLink(
        name=told.get(IFLA_IFNAME, b"").rstrip(b"\0").decode("utf-8", "replace"),
        mac=normalized_mac(permanent.hex()) or normalized_mac(present.hex()),
        addresses=tuple(address.address for address in own),
        is_loopback=bool(flags & IFF_LOOPBACK),
        has_default_route=has_default_route,
    )


def _number(told: Attributes, kind: int) -> int:
    data = told.get(kind)
    return int(_NUMBER.unpack(data)[0]) if data else 0
