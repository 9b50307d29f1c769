"""Settings of the PBX side, checked once and then frozen."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from ayrix_foundation.settings import load_settings
from ayrix_protocol.jws import InvalidDocument
from ayrix_protocol.keys import public_key_from_text
from ayrix_protocol.lease import Contact, Contacts

ENVIRONMENT_PREFIX = "AYRIX_"
INSTANCE_VARIABLE = "AYRIX_INSTANCE"
DEFAULT_INSTANCE = Path("instance")


_PRINTABLE = re.compile(r"[!-~]+", re.ASCII)


def _license_server_url(text: str) -> str:
    if _PRINTABLE.fullmatch(text) is None:
        raise ValueError("it must be without spaces, and a name with umlauts in its xn-- form")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must be an https URL, for example https://license.example.com")
    if text.rstrip("/").lower() != f"{parts.scheme}://{parts.netloc}".lower() or parts.username:
        raise ValueError(
            "it must be only scheme, host and port, for example https://license.example.com"
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("http is allowed for this machine itself only, use https")
    if not _is_port(parts):
        raise ValueError("the port must be a number from 1 to 65535")
    if _is_link_local(parts.hostname):
        raise ValueError("a link-local address is no license server")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _is_link_local(host: str) -> bool:
    """Only a first answer for who types one: connections look at the address they lead to."""
    try:
        ip = ip_address(host)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (mapped or ip).is_link_local


def _root_key(text: str) -> str:
    try:
        public_key_from_text(text)
    except InvalidDocument as error:
        raise ValueError("it must be the line that `ayrix-license-server init` printed") from error
    return text


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("it must be a time zone like Europe/Berlin") from error
    return text


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Settings:
    """Every setting of the PBX side; docs/settings.md says what each is for."""

    instance: Path
    license_server_url: Annotated[str, AfterValidator(_license_server_url)]
    license_root_key: Annotated[str, AfterValidator(_root_key)]
    database_url: str = ""
    interface: str = ""
    proxy_url: str = ""
    ca_file: Path | None = None
    connect_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    answer_timeout_s: Annotated[float, Field(gt=0, le=120)] = 15.0
    language: Literal["en", "de"] = "en"
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    trusted_hosts: tuple[str, ...] = ()
    trusted_proxies: Annotated[int, Field(ge=0, le=5)] = 0
    session_hours: Annotated[int, Field(ge=1, le=24 * 30)] = 12
    keep_audit_days: Annotated[int, Field(ge=30, le=36_500)] = 730
    keep_audit_entries: Annotated[int, Field(ge=1_000, le=10_000_000)] = 500_000
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    support_name: str = "Customer Service Center"
    support_phone: str = ""
    support_email: str = ""
    support_hours: str = ""
    seller_name: str = ""
    seller_phone: str = ""
    seller_email: str = ""
    seller_hours: str = ""

    @property
    def database(self) -> str:
        """The URL of the database: the setting, or a SQLite file in the instance folder."""
        return self.database_url or f"sqlite:///{(self.instance / 'ayrix.db').absolute()}"

    @property
    def contacts(self) -> Contacts:
        """Whom to ask before the first lease has said it."""
        return Contacts(
            support=Contact(
                name=self.support_name,
                phone=self.support_phone,
                email=self.support_email,
                hours=self.support_hours,
            ),
            seller=Contact(
                name=self.seller_name,
                phone=self.seller_phone,
                email=self.seller_email,
                hours=self.seller_hours,
            ),
        )


def instance_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where run-time data is: `AYRIX_INSTANCE`, or `instance` in the current folder."""
    return Path(environ.get(INSTANCE_VARIABLE, str(DEFAULT_INSTANCE)))


def load(instance: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of an instance folder; raises SettingsError with a sentence per mistake."""
    folder = instance or instance_folder(environ)
    return load_settings(Settings, folder, environ, ENVIRONMENT_PREFIX)
