"""What the kernel says of its interfaces, compared with what pyroute2 reads of it."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import AF_INET
from typing import Any

import pytest
from pyroute2 import IPRoute

from ayrix_web.adapters.netlink import NetworkLink, normalized_mac, read_links

ROOT = Path(__file__).parent.parent.parent

IN_A_NAMESPACE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import dataclasses, json, subprocess
from ayrix_web.adapters.netlink import read_links
for command in sys.stdin.read().splitlines():
    subprocess.run(["ip", *command.split()], check=True, timeout=10)
from tests.domain.test_machine_netlink import by_pyroute2
assert read_links() == by_pyroute2(), (read_links(), by_pyroute2())
print(json.dumps([dataclasses.asdict(link) for link in read_links()]))
"""

CARDS = """\
link set lo up
link add eth0 address d4:ae:52:00:11:22 type veth peer name far0
link add eth1 address d4:ae:52:00:11:23 type veth peer name far1
link add br0 type bridge
link set eth0 up
link set far0 up
link set eth1 up
link set far1 up
addr add 192.0.2.10/24 dev eth0
addr add 192.0.2.11/24 dev eth0
addr add 198.51.100.7/24 dev eth1
addr add 169.254.7.7/16 dev eth1 scope link
"""


def by_pyroute2() -> tuple[NetworkLink, ...]:
    """The same reading by a library that knows all of netlink."""
    with IPRoute() as netlink:
        links: list[Any] = list(netlink.get_links())
        addresses: list[Any] = list(netlink.get_addr(family=AF_INET))
        routes: list[Any] = list(netlink.get_routes(family=AF_INET, table=254))
    defaults = [route for route in routes if route["dst_len"] == 0]
    best = min(defaults, key=lambda route: route.get_attr("RTA_PRIORITY") or 0, default=None)
    return tuple(
        NetworkLink(
            name=link.get_attr("IFLA_IFNAME"),
            mac=normalized_mac(link.get_attr("IFLA_PERM_ADDRESS") or "")
            or normalized_mac(link.get_attr("IFLA_ADDRESS") or ""),
            addresses=tuple(
                address.get_attr("IFA_LOCAL")
                for address in sorted(
                    (address for address in addresses if address["index"] == link["index"]),
                    key=lambda address: _rank(address, link, best),
                )
            ),
            is_loopback=bool(link["flags"] & 0x8),
            has_default_route=best is not None and best.get_attr("RTA_OIF") == link["index"],
        )
        for link in links
    )


def _rank(address: Any, link: Any, best: Any) -> tuple[bool, bool, bool]:
    is_best = best is not None and best.get_attr("RTA_OIF") == link["index"]
    source = best.get_attr("RTA_PREFSRC") if is_best else None
    is_source = source is not None and address.get_attr("IFA_LOCAL") == source
    return not is_source, address["scope"] != 0, bool(address.get_attr("IFA_FLAGS") & 1)


def in_a_namespace(*commands: str) -> dict[str, dict[str, Any]]:
    """The links, by name, of a network namespace of its own after these `ip` commands."""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", IN_A_NAMESPACE],
        input="\n".join(commands),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {link["name"]: link for link in json.loads(done.stdout)}


def test_this_machine_reads_as_pyroute2_reads_it() -> None:
    # In a thread of its own: pyroute2 runs an event loop, and browser tests leave one running here.
    with ThreadPoolExecutor(1) as thread:
        assert read_links() == thread.submit(by_pyroute2).result()


def test_the_loopback_has_no_mac() -> None:
    loopback = next(link for link in read_links() if link.is_loopback)
    assert loopback.mac is None


@pytest.mark.needs_root
def test_the_default_route_with_the_lowest_metric_counts() -> None:
    routes = (
        "route add default via 192.0.2.1 dev eth0 metric 200",
        "route add default via 198.51.100.1 dev eth1 metric 100",
    )
    links = in_a_namespace(*CARDS.splitlines(), *routes)
    assert [name for name, link in links.items() if link["has_default_route"]] == ["eth1"]
    assert links["eth1"]["addresses"] == ["198.51.100.7", "169.254.7.7"]
    assert links["eth0"]["addresses"] == ["192.0.2.10", "192.0.2.11"]
    assert links["eth0"]["mac"] == "d4ae52001122"
    assert links["lo"]["is_loopback"] is True


@pytest.mark.needs_root
def test_the_source_address_of_the_default_route_is_the_machines() -> None:
    route = "route add default via 192.0.2.1 dev eth0 src 192.0.2.11"
    links = in_a_namespace(*CARDS.splitlines(), route)
    assert links["eth0"]["addresses"] == ["192.0.2.11", "192.0.2.10"]


@pytest.mark.needs_root
def test_a_machine_without_any_route_or_address_is_read() -> None:
    links = in_a_namespace("link add eth0 type veth peer name far0")
    assert links["eth0"]["addresses"] == []
    assert not any(link["has_default_route"] for link in links.values())


@pytest.mark.needs_root
def test_an_answer_in_many_parts_is_read_to_its_end() -> None:
    cards = (f"link add eth{number} type veth peer name far{number}" for number in range(60))
    assert len(in_a_namespace(*cards)) == 121
