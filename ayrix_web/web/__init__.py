"""The pages of the PBX; importing this puts every view on its blueprint."""

from ayrix_web.web import activation, license, network, order_form, orders, users

__all__ = ["activation", "license", "network", "order_form", "orders", "users"]
