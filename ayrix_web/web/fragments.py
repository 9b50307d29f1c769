"""Parts of pages that are rendered once and used again while everything they show is equal."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from flask import url_for
from flask_babel import get_locale
from jinja2.runtime import Macro
from markupsafe import Markup

from ayrix_web.web.extension import system

KEPT = 8
"""Renderings of one macro that are kept: a few users, in two languages."""

_kept: defaultdict[str, deque[tuple[object, Markup]]] = defaultdict(lambda: deque(maxlen=KEPT))


def once(can_order: bool) -> Callable[..., Markup]:
    """The function `once(macro, *shown)` for templates of a user who may order or not.

    Gives what the macro makes of `shown`. The values must be frozen, and besides them the macro may
    depend on language, time zone, mount point and that right only: not on the time of day, the
    account or the session, so it holds no form.
    """
    mount = url_for("ayrix.show_license")
    where = (str(get_locale()), system().settings.time_zone, mount, can_order)

    def rendered(macro: Macro, *shown: object) -> Markup:
        # Compared, not hashed: frozen values hold dictionaries of texts, and what did not change
        # is the same object, which a comparison sees at once.
        key = (where, shown)
        kept = _kept[macro.name]
        for kept_key, markup in tuple(kept):
            if kept_key == key:
                return markup
        markup = Markup(macro(*shown))  # noqa: S704 - what a template of ours made, which escapes
        kept.appendleft((key, markup))
        return markup

    return rendered
