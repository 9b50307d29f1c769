"""The pages of the PBX; importing this puts every view on its blueprint."""

from ayrix_web.web import activation, host_layout, license, network, order_form, orders, users

__all__ = ["activation", "host_layout", "license", "network", "order_form", "orders", "users"]
