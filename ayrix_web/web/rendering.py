"""Renders our pages with the words and formats their templates use."""

from __future__ import annotations

from flask import Response, flash, get_flashed_messages, make_response, render_template

from ayrix_protocol.rebindings import Decision
from ayrix_web.domain.access import Access, Module
from ayrix_web.domain.order import OrderStage
from ayrix_web.web import feature_words, formats, order_words, words
from ayrix_web.web.access import current_account
from ayrix_web.web.fragments import once

NOTICE = "ayrix-"
"""Before the category of our own flashed messages, so that a host's are not mixed in."""

KINDS = ("ok", "info", "warn", "bad")

TEMPLATE_WORDS = {
    "money": formats.format_money,
    "number": formats.format_number,
    "tax_rate": formats.format_tax_rate,
    "moment": formats.format_moment,
    "day": formats.format_day,
    "when": formats.format_when,
    "span": formats.format_span,
    "span_left": formats.format_left,
    "localized": feature_words.localized,
    "amount_words": feature_words.amount_words,
    "plural_words": feature_words.plural_words,
    "icon_of": feature_words.icon_of,
    "kinds": feature_words.KINDS,
    "stages": order_words.STAGES,
    "Stage": OrderStage,
    "stage_meaning": order_words.stage_meaning,
    "periods": order_words.PERIODS,
    "total_labels": order_words.TOTALS,
    "net_notes": order_words.NET_NOTES,
    "reason_title": words.reason_title,
    "reason_text": words.reason_text,
    "fault_words": words.fault_words,
    "Decision": Decision,
    "seller_name": words.seller_name,
    "support_name": words.support_name,
    "contact_line": words.contact_line,
}


def page(template: str, status: int = 200, **values: object) -> Response:
    """The page of a template; besides `values` it may use TEMPLATE_WORDS and three more."""
    account = current_account()
    can_order = account is not None and account.may(Module.LICENSE, Access.FULL)
    html = render_template(
        template,
        **TEMPLATE_WORDS,
        can_order=can_order,
        once=once(can_order),
        notices=notices(),
        **values,
    )
    return make_response(html, status)


def say_next(kind: str, text: str) -> None:
    """Show a notice on the page the browser is sent to; `kind` is one of shell/parts.html."""
    flash(text, NOTICE + kind)


def notices() -> list[tuple[str, str]]:
    """The notices for this page: kind and text."""
    wanted = [NOTICE + kind for kind in KINDS]
    flashed = get_flashed_messages(with_categories=True, category_filter=wanted)
    pairs = (entry for entry in flashed if isinstance(entry, tuple))
    return [(category.removeprefix(NOTICE), text) for category, text in pairs]
