"""What a host's own layout shows of the license, as template globals of the whole application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask_babel import get_domain
from markupsafe import Markup

from ayrix_web.services import licensing
from ayrix_web.web.blueprints import ayrix, translations
from ayrix_web.web.extension import system
from ayrix_web.web.shell import build_shell

BANNER = Markup(
    '<section class="ayrix-banner ayrix-banner-{level}" role="status"><p>{text} '
    '<a href="{url}">{link_label}</a></p></section>'
)


@ayrix.app_template_global("ayrix_banner")
def banner() -> Markup:
    """The sentence of the grace period with a link to the License page; empty without need.

    The classes `ayrix-banner` and `ayrix-banner-warn` or `-bad` are the host's to style.
    """
    with _our_words():
        found = build_shell().banner
    if found is None:
        return Markup()
    return BANNER.format(
        level=found.level, text=found.text, url=found.url, link_label=found.link_label
    )


@ayrix.app_template_global("ayrix_hours_left")
def hours_left() -> int | None:
    """Whole hours until this system is deactivated; None without a lease."""
    state = licensing.current(system())
    if state.valid_until is None:
        return None
    return state.time_left(licensing.trusted_now(system())) // timedelta(hours=1)


@contextmanager
def _our_words() -> Iterator[None]:
    """Speak with our catalogue within a page that speaks with the host's."""
    hosts = get_domain()
    translations.as_default()
    try:
        yield
    finally:
        hosts.as_default()
