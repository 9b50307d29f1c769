"""The tables of the license server's database."""

from ayrix_license_server.rows import catalog, customers, orders, requests
from ayrix_license_server.rows.base import Base, attempts, audit_entries

__all__ = ["Base", "attempts", "audit_entries", "catalog", "customers", "orders", "requests"]
