"""The license server's settings, checked once and frozen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from ayrix_foundation.settings import load_settings
from ayrix_protocol.lease import DEFAULT_LEASE, SHORTEST_LEASE

PREFIX = "LICENSE_SERVER_"
DEFAULT_INSTANCE = Path("instance/license_server")
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
LONGEST_LEASE_SECONDS = 400 * 24 * 3600
"""A PBX takes more than 400 days for a fault of the clock (protocol.md, Clock)."""

EXAMPLE = f"""\
# Settings of the license server. Every name can be overridden by an environment variable:
# {PREFIX}PUBLIC_URL for public_url, and so on.

# The address under which PBXs reach this server: scheme, host, port, no path.
public_url = "{{public_url}}"

# How long a PBX works without an answer, in seconds (72 hours; at least 10, for trials).
# lease_seconds = 259200

# database_url = "sqlite:////var/lib/ayrix/license_server.db"   # default: in this folder
# time_zone = "Europe/Berlin"
# log_level = "INFO"

# How long the audit and what is only history are kept, by days and by number.
# keep_audit_days = 1095
# keep_audit_entries = 5000000
# keep_history_days = 400

# The Customer Service Center, whom a PBX names when a check fails.
support_name = "Customer Service Center"
support_phone = ""
support_email = ""
support_hours = ""
"""


def _origin(url: str) -> str:
    """The origin as both sides spell it: lower case, without a default port (RFC 6454, 6.2)."""
    parts = urlsplit(url.lower())
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("it must look like https://license.example.com")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("it must be scheme, host and port only")
    return f"{parts.scheme}://{parts.netloc.removesuffix(DEFAULT_PORTS[parts.scheme])}"


def _is_time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("it must be a time zone like Europe/Berlin")
    return name


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Settings:
    """Everything a vendor can set; relative key paths start in the instance folder.

    `public_url` is the origin PBXs call: `aud` of their proofs, `iss` of leases.
    """

    instance: Path
    public_url: Annotated[str, AfterValidator(_origin)]
    database_url: str = ""
    lease_seconds: Annotated[
        int, Field(ge=int(SHORTEST_LEASE.total_seconds()), le=LONGEST_LEASE_SECONDS)
    ] = int(DEFAULT_LEASE.total_seconds())
    support_name: Annotated[str, Field(min_length=1, max_length=200)] = "Customer Service Center"
    support_phone: Annotated[str, Field(max_length=200)] = ""
    support_email: Annotated[str, Field(max_length=200)] = ""
    support_hours: Annotated[str, Field(max_length=200)] = ""
    root_key_file: Path = Path("root_key.pem")
    signing_key_file: Path = Path("signing_key.pem")
    key_set_file: Path = Path("license_keys.jws")
    root_public_key_file: Path = Path("root_key.pub")
    time_zone: Annotated[str, AfterValidator(_is_time_zone)] = "UTC"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    trusted_proxies: Annotated[int, Field(ge=0, le=5)] = 0
    worker_interval_s: Annotated[int, Field(ge=1, le=86_400)] = 300
    activation_tries_per_hour: Annotated[int, Field(ge=1, le=100_000)] = 30
    keep_audit_days: Annotated[int, Field(ge=30, le=36_500)] = 1095
    keep_audit_entries: Annotated[int, Field(ge=1_000, le=1_000_000_000)] = 5_000_000
    keep_history_days: Annotated[int, Field(ge=90, le=36_500)] = 400

    @property
    def lease_duration(self) -> timedelta:
        """How long a lease lasts."""
        return timedelta(seconds=self.lease_seconds)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the vendor's year begins."""
        return ZoneInfo(self.time_zone)

    def path_of(self, file: Path) -> Path:
        """Where a key file lies."""
        return self.instance / file

    @property
    def database(self) -> str:
        """The database's URL; by default a SQLite file in the instance folder."""
        return self.database_url or f"sqlite:///{self.instance / 'license_server.db'}"


def instance_folder(environ: Mapping[str, str]) -> Path:
    """The folder for run-time data: `LICENSE_SERVER_INSTANCE`, else one under `instance/`."""
    return Path(environ.get(PREFIX + "INSTANCE") or DEFAULT_INSTANCE).absolute()


def read_settings(instance: Path | None = None) -> Settings:
    """The settings of an instance folder and the environment; raises SettingsError."""
    folder = instance_folder(os.environ) if instance is None else instance.absolute()
    return load_settings(Settings, folder, os.environ, PREFIX)
