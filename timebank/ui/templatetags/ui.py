"""Numbers, dates, icons, QR codes and form fields as the pages show them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from typing import Any

import segno
from django import template
from django.conf import settings
from django.forms import BoundField
from django.forms.widgets import CheckboxInput
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from timebank.common import numbers
from timebank.ui import panels

register = template.Library()

# Patterns of django.utils.dateformat by language: short day, full day, day and clock.
_PATTERNS = {
    "zh": {
        "day": "n月j日 l",
        "full": "Y年n月j日 l",
        "date": "Y年n月j日",
        "month": "Y年n月",
        "timestamp": "n月j日 H:i",
        "timestamp_full": "Y年n月j日 H:i",
    },
    "en": {
        "day": "D j M",
        "full": "D j M Y",
        "date": "j M Y",
        "month": "F Y",
        "timestamp": "j M, H:i",
        "timestamp_full": "j M Y, H:i",
    },
}


def _patterns() -> dict[str, str]:
    return _PATTERNS["zh" if (get_language() or settings.LANGUAGE_CODE).startswith("zh") else "en"]


def _local(value: dt.date | dt.datetime) -> dt.date | dt.datetime:
    if isinstance(value, dt.datetime) and timezone.is_aware(value):
        return timezone.localtime(value)
    return value


@register.filter(name="points")
def points(value: int | None) -> str:
    """Write 1/100 points as "1,234.5"; nothing for nothing."""
    return "" if value is None else numbers.format_points(value)


@register.filter
def points_with_unit(value: int | None) -> str:
    """Write 1/100 points with the unit in the reader's language."""
    return "" if value is None else numbers.format_points_with_unit(value)


@register.filter
def signed_points(value: int | None) -> str:
    """Write 1/100 points with a plus or a minus."""
    return "" if value is None else numbers.format_points(value, sign=True)


@register.filter
def minutes(value: int | None) -> str:
    """Write whole minutes as hours and minutes."""
    return "" if value is None else numbers.format_minutes(value)


@register.filter
def money(value: int | None) -> str:
    """Write fen as yuan."""
    return "" if value is None else numbers.format_money(value)


@register.filter
def day(value: dt.date | dt.datetime | None, style: str = "") -> str:
    """Write a day in Asia/Shanghai; the year only when it is another one, or with "full" or "date".

    "month" writes the month alone: 2026年9月, September 2026.
    """
    if not value:
        return ""
    local = _local(value)
    key = style or ("day" if local.year == timezone.localdate().year else "full")
    return date_format(local, _patterns()[key])


@register.filter
def written(value: Any) -> Any:
    """Write a day of a table's cell or a fact as a day; everything else stays as it is."""
    if isinstance(value, dt.datetime):
        return timestamp(value)
    return day(value, "date") if isinstance(value, dt.date) else value


@register.filter
def timestamp(value: dt.datetime | None, style: str = "") -> str:
    """Write a day with the clock in Asia/Shanghai; the year only when it is another one, or with "full"."""
    if not value:
        return ""
    local = _local(value)
    same_year = local.year == timezone.localdate().year and style != "full"
    return date_format(local, _patterns()["timestamp" if same_year else "timestamp_full"])


@register.filter
def clock(value: dt.datetime | dt.time | None) -> str:
    """Write the clock in Asia/Shanghai: "14:05"."""
    if value is None:
        return ""
    return (_local(value) if isinstance(value, dt.datetime) else value).strftime("%H:%M")


@register.simple_tag
def when(value: dt.datetime | dt.date | None) -> SafeString | str:
    """Write an instant (or a day) inside ``<time>``."""
    if not value:
        return ""
    text = timestamp(value) if isinstance(value, dt.datetime) else day(value)
    return format_html('<time datetime="{}">{}</time>', _local(value).isoformat(), text)


@register.simple_tag
def icon(name: str, label: Any = "", size: str = "") -> SafeString:
    """Draw a symbol of the sprite: decorative, or an image with a name when ``label`` is given."""
    if not label:
        return _decoration(f"{name}", f"{size}")
    css = f"icon icon--{size}" if size else "icon"
    href = f"{static('ui/icons.svg')}#i-{name}"
    return format_html('<svg class="{}" role="img" aria-label="{}"><use href="{}"></use></svg>', css, label, href)


@lru_cache(maxsize=256)
def _decoration(name: str, size: str) -> SafeString:
    """Draw a symbol that says nothing: dozens stand on a page, and they are the same for everybody."""
    css = f"icon icon--{size}" if size else "icon"
    href = f"{static('ui/icons.svg')}#i-{name}"
    return format_html('<svg class="{}" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', css, href)


@register.simple_tag
def reward_card(
    *, href: str, title: str, price: int | None, picture: str = "", old_price: int | None = None, badge: Any = "",
    tone: str = "", note: Any = "",
) -> SafeString:  # fmt: skip
    """Draw a reward of a list; what was drawn before from the same facts is taken from memory."""
    draw = _reward_card.__wrapped__ if settings.DEBUG else _reward_card
    # Plain texts: what is kept was escaped, whoever gives the facts the next time.
    texts = (f"{value or ''}" for value in (href, title, picture, badge, tone, note))
    return draw(get_language() or "", price, old_price, *texts)


@lru_cache(maxsize=4096)
def _reward_card(
    _language: str, price: int | None, old_price: int | None, href: str, title: str, picture: str, badge: str,
    tone: str, note: str,
) -> SafeString:  # fmt: skip
    facts = {"href": href, "title": title, "picture": picture, "price": price, "old_price": old_price}
    return render_to_string("ui/components/reward_card.html", {**facts, "badge": badge, "tone": tone, "note": note})


@register.simple_tag
def qr(text: str, label: Any = "", error: str = "m") -> SafeString:
    """Draw ``text`` as an inline SVG QR code with an accessible name."""
    out = BytesIO()
    segno.make(str(text), error=error, micro=False).save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=False,
        omitsize=True,
        border=4,
        light="#fff",
        dark="#000",
        svgclass="qr__svg",
    )
    # segno writes only path data and numbers: nothing of the text ends up in the markup.
    svg = mark_safe(out.getvalue().decode().strip())  # noqa: S308
    return format_html('<span class="qr" role="img" aria-label="{}">{}</span>', label or text, svg)


@register.inclusion_tag("ui/components/field.html")
def field(bound: BoundField, label: Any = "", help_text: Any = "") -> dict[str, Any]:
    """Show one form field: label above, help, error with icon, control."""
    widget = bound.field.widget
    kind = "choice" if bound.use_fieldset else ("check" if isinstance(widget, CheckboxInput) else "plain")
    return {
        "field": bound,
        "kind": kind,
        "label": label or bound.label,
        "help_text": help_text or bound.help_text,
        "optional": not bound.field.required and kind != "check",
        "suffix": getattr(widget, "suffix", ""),
    }


@register.inclusion_tag("ui/components/bars.html")
def bars(items: Any, label: Any = "") -> dict[str, Any]:
    """Draw horizontal bars: items of ``label``, ``value`` (a number), ``text`` (its words) and perhaps ``tone``."""
    rows = [dict(item) for item in items]
    most = max((abs(row["value"]) for row in rows), default=0)
    for row in rows:
        row["width"] = round(abs(row["value"]) * 1000 / most) if most else 0
    return {"rows": rows, "label": label}


@register.filter
def error_links(form: Any) -> list[dict[str, Any]]:
    """List a form's field errors with the id of the control each belongs to."""
    links = []
    for bound in form or ():
        for text in bound.errors:
            target = bound.id_for_label or (f"{bound.auto_id}_0" if bound.use_fieldset else bound.auto_id)
            label = str(bound.label).rstrip("?？:： ")  # "Where?: choose one" reads badly
            links.append({"target": "" if bound.is_hidden else target, "label": label, "text": text})
    return links


@register.simple_tag(takes_context=True)
def qs(context: template.Context, **changes: Any) -> str:
    """Give this page's query string with changes; ``None`` takes a key out."""
    query = context["request"].GET.copy()
    for key, value in changes.items():
        if value is None or value == "":
            query.pop(key, None)
        else:
            query[key] = str(value)
    encoded = query.urlencode()
    return f"?{encoded}" if encoded else "?"


@register.filter
def tone_icon(tone: str) -> str:
    """Name the icon that goes with a tone, so that colour never stands alone."""
    return {
        "good": "check",
        "warn": "warning",
        "bad": "cross",
        "info": "notice",
        "wheat": "points",
        "quiet": "clock",
    }.get(tone, "notice")


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """Look a key up in a mapping; nothing when it is missing."""
    try:
        return mapping.get(key, "")
    except AttributeError:
        return ""


@register.filter
def cell_text(value: Any) -> Any:
    """Give the words of a cell or header, however it is described."""
    return value.get("text", "") if isinstance(value, dict) else value


@register.filter
def is_cell(value: Any) -> bool:
    """Say whether a table cell is described by a mapping rather than given as text."""
    return isinstance(value, dict)


@register.filter
def item_at(values: Any, index: int) -> Any:
    """Give the item at ``index``; nothing past the end."""
    try:
        return values[index]
    except (IndexError, TypeError):
        return ""


@register.filter
def message_tone(level_tag: str) -> str:
    """Turn the level of a Django message into a tone."""
    return {"success": "good", "warning": "warn", "error": "bad"}.get(level_tag, "info")


@register.simple_tag
def points_parts(value: int | None, signed: Any = False) -> SafeString | str:
    """Write points with the unit in the reader's language, figure and unit marked apart for the eye."""
    if value is None or value == "":
        return ""
    figure = numbers.format_points(value, sign=bool(signed))
    text = escape(numbers.format_points_with_unit(value, sign=bool(signed)))
    before, _found, after = text.partition(figure)
    return format_html(
        '{}<span class="figure">{}</span>{}',
        _unit(mark_safe(before)),  # noqa: S308 - escaped above
        figure,
        _unit(mark_safe(after)),  # noqa: S308 - escaped above
    )


def _unit(text: str) -> SafeString | str:
    return format_html('<span class="unit">{}</span>', text) if text.strip() else ""


@register.filter
def spaced(code: str) -> str:
    """Break a ten-character code into readable groups: "ABC DEF GHJK"."""
    text = str(code)
    return " ".join((text[:3], text[3:6], text[6:])) if len(text) == 10 else text


@register.simple_tag(takes_context=True)
def panel(context: template.Context, place: str, item: Any, ids: Iterable[Any] | None = None) -> SafeString:
    """Show what other apps add about ``item``; on a list, ``ids`` are all its items, so that each app is asked once."""
    fragments = panels.fragments(context["request"], place, [item] if ids is None else ids)
    return fragments.get(item, SafeString(""))
