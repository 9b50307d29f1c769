"""`catalog`, `seller`, `customer` and `license`: what is sold, by whom and to whom."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ayrix_foundation.audit import COMMAND_LINE
from ayrix_license_server.cli.parsers import current_system
from ayrix_license_server.domain.catalog_file import read_catalog
from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.domain.licenses import LicenseState
from ayrix_license_server.services import customers, licenses, visibility
from ayrix_license_server.services.catalog_loading import load_catalog
from ayrix_protocol.activation_key import grouped
from ayrix_protocol.binding import Component
from ayrix_protocol.lease import Contact
from ayrix_protocol.orders import UpgradeType

if TYPE_CHECKING:
    from ayrix_license_server.cli.parsers import Subparsers

Word = TypeVar("Word", bound=StrEnum)

_WORDS = {"hidden": True, "visible": False, "default": None}


def add_commands(commands: Subparsers) -> None:
    """Add them all."""
    _add_catalog(commands)
    _add_seller(commands)
    _add_customer(commands)
    _add_license(commands)


def _add_catalog(commands: Subparsers) -> None:
    catalog = commands.add_parser("catalog", help="features and prices").add_subparsers(
        required=True
    )
    load = catalog.add_parser("load", help="make a YAML file the catalog on sale")
    load.add_argument("file", type=Path)
    load.set_defaults(command=_load)
    show = catalog.add_parser("visibility", help="who sees a feature, against its own setting")
    show.add_argument("code")
    show.add_argument("word", choices=sorted(_WORDS))
    whose = show.add_mutually_exclusive_group(required=True)
    whose.add_argument("--seller", metavar="CODE", default="")
    whose.add_argument("--customer", metavar="NUMBER", default="")
    show.set_defaults(command=_set_visibility)


def _add_seller(commands: Subparsers) -> None:
    seller = commands.add_parser("seller", help="resellers").add_subparsers(required=True)
    add = seller.add_parser("add", help="add a seller, or change the contact of one")
    add.add_argument("code")
    add.add_argument("name")
    for name in ("phone", "email", "hours"):
        add.add_argument(f"--{name}", default="")
    add.set_defaults(command=_add_one_seller)


def _add_customer(commands: Subparsers) -> None:
    customer = commands.add_parser("customer", help="customers").add_subparsers(required=True)
    add = customer.add_parser("add", help="add a customer")
    add.add_argument("number")
    add.add_argument("name")
    add.add_argument("--seller", metavar="CODE", default="", help="default: the first one")
    add.add_argument("--price-list", metavar="CODE", default="", help="default: the first one")
    add.add_argument("--upgrade-types", default="single", help="single, package or both")
    add.add_argument("--no-auto-approve", action="store_true", help="the seller approves orders")
    add.add_argument("--approval-limit", type=int, metavar="N", help="gross sum in minor units")
    add.set_defaults(command=_add_one_customer)


def _add_license(commands: Subparsers) -> None:
    license_ = commands.add_parser("license", help="licenses").add_subparsers(required=True)
    issue = license_.add_parser("issue", help="issue a license with an activation key")
    issue.add_argument("customer_number")
    issue.add_argument("--entitle", action="append", default=[], metavar="CODE=QUANTITY")
    issue.add_argument(
        "--bind",
        default=",".join(Component),
        metavar="COMPONENTS",
        help="what must match, separated by commas (default: %(default)s)",
    )
    issue.add_argument("--json", action="store_true", help="for scripts")
    issue.set_defaults(command=_issue)
    for verb, state, meaning in (
        (
            "suspend",
            LicenseState.SUSPENDED,
            "give no new leases: the PBX runs on until the lease it holds ends",
        ),
        ("resume", LicenseState.ACTIVE, "give leases again"),
        (
            "revoke",
            LicenseState.REVOKED,
            "for ever, at the PBX's next check and without grace; nothing takes it back",
        ),
    ):
        change = license_.add_parser(verb, help=meaning, description=meaning.capitalize() + ".")
        change.add_argument("license", metavar="LICENSE", help="like L-000001")
        change.set_defaults(command=_change_state, state=state)
    reconcile = license_.add_parser(
        "reconcile", help="after a restored backup: let the database's own quantities count"
    )
    reconcile.add_argument("license", metavar="LICENSE", help="like L-000001")
    reconcile.set_defaults(command=_reconcile)
    listing = license_.add_parser("list", help="all licenses")
    listing.add_argument("--json", action="store_true", help="for scripts")
    listing.set_defaults(command=_list)


def _load(arguments: argparse.Namespace) -> None:
    catalog = read_catalog(arguments.file)
    loaded = load_catalog(current_system(), catalog, COMMAND_LINE)
    print(
        f"{loaded.features} features on sale ({loaded.added} new, {loaded.retired} retired),"
        f" {loaded.new_prices} new prices."
    )


def _set_visibility(arguments: argparse.Namespace) -> None:
    visibility.set_visibility(
        current_system(),
        arguments.code,
        _WORDS[arguments.word],
        COMMAND_LINE,
        seller=arguments.seller,
        customer=arguments.customer,
    )
    print(f"{arguments.code} is {arguments.word} for {arguments.seller or arguments.customer}.")


def _add_one_seller(arguments: argparse.Namespace) -> None:
    contact = Contact(
        name=arguments.name,
        phone=arguments.phone,
        email=arguments.email,
        hours=arguments.hours,
    )
    customers.add_seller(current_system(), arguments.code, contact, COMMAND_LINE)
    print(f"Seller {arguments.code} is {arguments.name}.")


def _add_one_customer(arguments: argparse.Namespace) -> None:
    customer = customers.NewCustomer(
        number=arguments.number,
        name=arguments.name,
        seller=arguments.seller,
        price_list=arguments.price_list,
        upgrade_types=frozenset(_words(UpgradeType, arguments.upgrade_types)),
        auto_approve=not arguments.no_auto_approve,
        approval_limit=arguments.approval_limit,
    )
    customers.add_customer(current_system(), customer, COMMAND_LINE)
    print(f"Customer {arguments.number} is {arguments.name}.")


def _issue(arguments: argparse.Namespace) -> None:
    quantities = dict(_quantity(text) for text in arguments.entitle)
    required = tuple(_words(Component, arguments.bind))
    issued = licenses.issue_license(
        current_system(), arguments.customer_number, quantities, COMMAND_LINE, required
    )
    if arguments.json:
        print(json.dumps({"license": issued.code, "activation_key": grouped(issued.key)}))
        return
    print(f"License {issued.code} for customer {arguments.customer_number}.")
    print("Its activation key, shown only now:")
    print(grouped(issued.key))


def _change_state(arguments: argparse.Namespace) -> None:
    licenses.change_state(current_system(), arguments.license, arguments.state, COMMAND_LINE)
    print(f"License {arguments.license} is {arguments.state}.")


def _reconcile(arguments: argparse.Namespace) -> None:
    floor = licenses.reconcile(current_system(), arguments.license, COMMAND_LINE)
    if not floor:
        print(f"License {arguments.license} had nothing to reconcile.")
        return
    quantities = ", ".join(f"{code} {quantity}" for code, quantity in floor.items())
    print(f"License {arguments.license} no longer keeps what its PBX proved: {quantities}.")


def _list(arguments: argparse.Namespace) -> None:
    summaries = licenses.list_licenses(current_system())
    if arguments.json:
        print(json.dumps([asdict(summary) for summary in summaries]))
        return
    for summary in summaries:
        in_use = "in use" if summary.installations else "not activated"
        alarm = "  (reconcile: its PBX knows more than the database)" if summary.floor else ""
        print(
            f"{summary.code}  {summary.state:<9}  {in_use:<13}"
            f"  {summary.customer_number}  {summary.customer_name}{alarm}"
        )


def _quantity(text: str) -> tuple[str, int]:
    code, _sign, number = text.partition("=")
    if not code or not number.isdecimal():
        raise Mistake(f"{text!r} must look like ring_group=5.")
    return code, int(number)


def _words(kind: type[Word], text: str) -> list[Word]:
    """The words of a list separated by commas; raises Mistake for one that is not of `kind`."""
    known = {str(word): word for word in kind}
    words = [part.strip() for part in text.split(",") if part.strip()]
    for word in words:
        if word not in known:
            raise Mistake(f"{word!r} must be one of {', '.join(known)}.")
    return [known[word] for word in words]
