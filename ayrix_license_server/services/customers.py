"""Sellers and customers as the vendor enters them, and which features they see."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ayrix_foundation.audit import Actor, Entry, record
from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.rows.base import audit_entries
from ayrix_license_server.rows.catalog import PriceListRow
from ayrix_license_server.rows.customers import CustomerRow, SellerRow
from ayrix_license_server.services.catalog import support_contact
from ayrix_license_server.system import System
from ayrix_protocol.lease import Contact
from ayrix_protocol.orders import UpgradeType

DIRECT_SELLER = "direct"
"""The code of the seller that is the vendor himself."""


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer before he has a row.

    `seller` and `price_list` are codes; empty means the first one, and without any seller the
    vendor sells himself. `approval_limit` is the gross sum in minor units up to which his orders
    approve themselves, None is no limit.
    """

    number: str
    name: str
    seller: str = ""
    price_list: str = ""
    upgrade_types: frozenset[UpgradeType] = frozenset({UpgradeType.SINGLE})
    auto_approve: bool = True
    approval_limit: int | None = None


def add_seller(system: System, code: str, contact: Contact, actor: Actor) -> None:
    """Add a seller, or change his contact; raises Mistake for an unfit code or name."""
    if not code or not contact.name:
        raise Mistake("A seller needs a code and a name.")
    with system.database.write() as session:
        row = session.scalar(select(SellerRow).where(SellerRow.code == code))
        if row is None:
            row = SellerRow(code=code)
            session.add(row)
        row.name, row.phone = contact.name, contact.phone
        row.email, row.hours = contact.email, contact.hours
        entry = Entry(system.clock.now(), actor, "seller.saved", code)
        record(session, audit_entries, entry)
    system.catalog.forget()


def add_customer(system: System, customer: NewCustomer, actor: Actor) -> None:
    """Add a customer; raises Mistake for a number that is taken or a code that is unknown."""
    if not customer.number or not customer.name:
        raise Mistake("A customer needs a number and a name.")
    if not customer.upgrade_types:
        raise Mistake("A customer needs at least one upgrade type: single or package.")
    with system.database.write() as session:
        taken = select(CustomerRow.id).where(CustomerRow.number == customer.number)
        if session.scalar(taken) is not None:
            raise Mistake(f"There is already a customer {customer.number}.")
        session.add(
            CustomerRow(
                number=customer.number,
                name=customer.name,
                seller_id=_seller(system, session, customer.seller),
                price_list_id=_price_list(session, customer.price_list),
                upgrade_types=sorted(customer.upgrade_types),
                auto_approve=customer.auto_approve,
                approval_limit=customer.approval_limit,
            )
        )
        system.catalog.forget()
        entry = Entry(system.clock.now(), actor, "customer.added", customer.number)
        record(session, audit_entries, entry)


def _seller(system: System, session: Session, code: str) -> int:
    query = select(SellerRow).order_by(SellerRow.id).limit(1)
    row = session.scalar(query.where(SellerRow.code == code) if code else query)
    if row is not None:
        return row.id
    if code:
        raise Mistake(f"There is no seller {code}.")
    vendor = support_contact(system.settings)
    row = SellerRow(
        code=DIRECT_SELLER,
        name=vendor.name,
        phone=vendor.phone,
        email=vendor.email,
        hours=vendor.hours,
    )
    session.add(row)
    session.flush()
    return row.id


def _price_list(session: Session, code: str) -> int:
    query = select(PriceListRow.id).order_by(PriceListRow.id).limit(1)
    found = session.scalar(query.where(PriceListRow.code == code) if code else query)
    if found is None:
        raise Mistake(
            f"There is no price list {code}."
            if code
            else "There is no price list yet: load a catalog first."
        )
    return found
