"""A host application of somebody else's: the example with one more page (`HOST_APP`)."""

from __future__ import annotations

from flask import Flask
from flask.typing import ResponseReturnValue

from ayrix_web.system import System
from ayrix_web.web.access import requires_sign_in
from examples.host import app as example

PATH = "/door-phones"
HEADING = "Door phones"


def create_app(system: System | None = None) -> Flask:
    """The example host, with a page that nothing in the licensing pages knows of."""
    app = example.create_app(system)
    app.add_url_rule(PATH, view_func=show_door_phones, methods=["GET", "POST"])
    return app


@requires_sign_in
def show_door_phones() -> ResponseReturnValue:
    """A page with a style of its own, none."""
    icon = '<link rel="icon" href="data:,">'
    return f'<!doctype html><html lang="en"><title>{HEADING}</title>{icon}<h1>{HEADING}</h1></html>'
