"""Connections that end in time, lead to no forbidden address and verify certificates."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

X509_V_FLAG_NO_CHECK_TIME = 0x200000
"""OpenSSL: everything about a certificate is verified except its dates."""

METADATA_ADDRESSES = frozenset({"100.100.100.200", "192.0.0.192", "fd00:ec2::254"})
"""Where clouds tell a machine its secrets; the link-local ones are refused as such."""


class ForbiddenAddress(ConnectionError):
    """The name leads to an address where no license server can be."""


def is_forbidden(address: str) -> bool:
    """Whether no license server can be at an IP address (security.md, SSRF)."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_link_local or ip.is_multicast or str(ip) in METADATA_ADDRESSES


class Deadline:
    """Ends a request that takes too long as a whole, by shutting its sockets down.

    The timeouts of a socket start anew with every byte, so a dripping server could hold a request
    for hours. Sockets are kept as duplicates, because TLS takes the original over.
    """

    def __init__(self, *, refuse_addresses: bool) -> None:
        self.is_over = False
        self._refuse_addresses = refuse_addresses
        self._twins: list[socket.socket] = []

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give what runs inside so long."""
        self.is_over = False
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def watch(self, connection: socket.socket) -> socket.socket:
        """Take a new connection in, before anything was sent; raises ForbiddenAddress."""
        if self._refuse_addresses and is_forbidden(connection.getpeername()[0]):
            connection.close()
            raise ForbiddenAddress
        self._twins.append(connection.dup())
        if self.is_over:
            self._end()
        return connection

    def close(self) -> None:
        """Give the duplicates back; only then the kernel closes the connections."""
        for twin in self._twins:
            twin.close()

    def _end(self) -> None:
        self.is_over = True
        for twin in self._twins:
            try:
                twin.shutdown(socket.SHUT_RDWR)
            except OSError:  # it ended by itself
                continue


class WatchedAdapter(HTTPAdapter):
    """requests' adapter with our TLS context and with connections that the deadline watches."""

    def __init__(self, deadline: Deadline, *, check_dates: bool) -> None:
        self._context = create_urllib3_context()
        if not check_dates:
            self._context.verify_flags |= X509_V_FLAG_NO_CHECK_TIME
        self._pools = _watched_pools(deadline)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Called by requests for direct connections; the parameters are its own."""
        super().init_poolmanager(*args, **options, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Called by requests for connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **options, ssl_context=self._context)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _watched_pools(deadline: Deadline) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.watch(super()._new_conn())

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.watch(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}
