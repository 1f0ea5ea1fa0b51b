"""The page on which one "pays" in practice. Plain HTML, both languages, no script; the band says that nothing moves."""

from __future__ import annotations

from html import escape
from pathlib import Path

from marketplace.payments.practice.money import DELAYED, ZERO_DECIMAL
from marketplace.payments.practice.world import Thing

BAND = "练习付款 · no money moves"
WORDS = {
    "zh": {
        "title": "练习付款",
        "lead": "这里只是练习，不会扣款，也不需要银行卡。",
        "pay": "付款",
        "decline": "用被拒的卡付款",
        "later": "付款，但钱晚些到账",
        "back": "返回，不付款",
        "declined": "银行拒绝了这张卡，没有扣款。",
        "again": "再试一次",
        "closed": "这次付款已经结束。",
    },
    "en": {
        "title": "Practice payment",
        "lead": "This is only practice: no money moves and no card is needed.",
        "pay": "Pay",
        "decline": "Pay with a card that is declined",
        "later": "Pay, but the money arrives later",
        "back": "Back without paying",
        "declined": "The bank declined this card. No money moved.",
        "again": "Try again",
        "closed": "This payment is over.",
    },
}
STYLE = Path(__file__).with_name("practice.css")


def _words(session: Thing) -> tuple[str, dict[str, str]]:
    language = "zh" if str(session.get("locale", "")).lower().startswith(("zh", "auto")) else "en"
    return language, WORDS[language]


def amount_text(amount: int, currency: str) -> str:
    """Write an amount with its currency; the yen has no smaller unit."""
    if currency in ZERO_DECIMAL:
        return f"{currency.upper()} {amount:,}"
    return f"{currency.upper()} {amount // 100:,}.{amount % 100:02d}"


def _page(session: Thing, inside: str) -> bytes:
    language, words = _words(session)
    code = "zh-Hans" if language == "zh" else "en"
    text = (
        f'<!doctype html><html lang="{code}"><head><meta charset="utf-8"><title>{words["title"]}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/practice.css"></head><body>'
        f'<header class="band">{BAND}</header><main><div class="card"><h1>{words["title"]}</h1>{inside}</div></main>'
        "</body></html>"
    )
    return text.encode()


def checkout_page(session: Thing) -> bytes:
    """Show what is to be paid and the ways it can go."""
    _, words = _words(session)
    names = ", ".join(escape(item["description"]) for item in session["_items"])
    back = escape(session["cancel_url"] or "")
    link = f'<a class="link" href="{back}">{words["back"]}</a>' if back else ""
    if session["status"] != "open":
        return _page(session, f'<p class="alert" role="alert">{words["closed"]}</p>{link}')
    return _page(
        session,
        f"<p>{words['lead']}</p><p>{names}</p>"
        f'<p class="sum">{amount_text(session["amount_total"], session["currency"])}</p>'
        f'<form method="post" action="/c/pay/{session["id"]}/submit">'
        f'<button class="first" name="method" value="pm_card_visa">{words["pay"]}</button>'
        f'<button name="method" value="pm_card_chargeDeclined">{words["decline"]}</button>'
        f'<button name="method" value="{DELAYED}">{words["later"]}</button></form>{link}',
    )


def declined_page(session: Thing) -> bytes:
    """Say that the card was declined."""
    _, words = _words(session)
    return _page(
        session,
        f'<p class="alert" role="alert">{words["declined"]}</p>'
        f'<a class="link" href="/c/pay/{session["id"]}">{words["again"]}</a>',
    )
