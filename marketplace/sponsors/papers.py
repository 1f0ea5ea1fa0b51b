"""The papers of a sponsor: a receipt, a year's statement, an agreement. In Chinese: they are village papers."""

from __future__ import annotations

from collections.abc import Sequence

from marketplace.sponsors.models import Agreement, Enterprise, Receipt
from marketplace.sponsors.pdf import Paper
from marketplace.sponsors.selectors.impact import Impact
from timebank.common.numbers import format_money

NATURE = {"donation": "捐赠", "sponsorship": "赞助"}
BAND = "练习 · 没有资金往来"
NOTE = "本确认书不是公益事业捐赠统一票据，不作税前扣除凭证。款物不产生积分，积分不可买卖。"


def receipt_pdf(receipt: Receipt) -> bytes:
    """Write a confirmation of receipt."""
    title = "收款确认书（冲销）" if receipt.counter_to_id else "收款确认书"
    paper = Paper(title, band=BAND if receipt.is_practice else "")
    rows = [
        ("编号", receipt.number),
        ("日期", f"{receipt.issued_at:%Y-%m-%d}"),
        (f"{NATURE[receipt.nature]}方", receipt.giver),
        ("统一社会信用代码/证件号（掩码）", receipt.giver_code or "—"),
        ("收款方", str(receipt.fund)),
        ("事由", receipt.text),
        ("金额", format_money(receipt.fen)),
    ]
    if receipt.fee_fen:
        rows += [("支付手续费", format_money(receipt.fee_fen)), ("入账", format_money(receipt.fen - receipt.fee_fen))]
    if receipt.counter_to is not None:
        rows += [("冲销编号", receipt.counter_to.number), ("原因", receipt.reason)]
    if receipt.official_number:
        rows.append(("公益事业捐赠统一票据号", receipt.official_number))
    paper.facts(rows)
    paper.space()
    paper.line(NOTE, size=9)
    return paper.done()


def year_pdf(enterprise: Enterprise, year: int, receipts: Sequence[Receipt], impact: Impact) -> bytes:
    """Write what a sponsor gave in a year, receipt by receipt, and what it did."""
    practice = any(receipt.is_practice for receipt in receipts)
    paper = Paper(f"{year} 年度捐赠与赞助对账单", band=BAND if practice else "")
    paper.facts([("单位", enterprise.organisation.name), ("统一社会信用代码", enterprise.organisation.uscc or "—")])
    paper.space()
    paper.table(
        ("日期", "编号", "事由", "性质", "金额"),
        [
            (
                f"{receipt.issued_at:%Y-%m-%d}",
                receipt.number,
                receipt.text,
                NATURE[receipt.nature],
                format_money(receipt.fen),
            )
            for receipt in receipts
        ],
        (0.16, 0.24, 0.32, 0.1, 0.18),
    )
    paper.space()
    fen, fee = sum(row.fen for row in receipts), sum(row.fee_fen for row in receipts)
    paper.facts(
        [
            ("本年合计", format_money(fen)),
            ("支付手续费", format_money(fee)),
            ("入账", format_money(fen - fee)),
        ]
    )
    if impact.people:
        paper.line(f"截至上月末：至少 {impact.people} 人受益（人数按 5 的倍数向下取整，不公布姓名）。")
    paper.space()
    paper.line(NOTE, size=9)
    return paper.done()


def agreement_pdf(agreement: Agreement) -> bytes:
    """Write the agreement with room for both signatures."""
    first, *rest = agreement.text.split("\n")
    paper = Paper(first)
    for text in rest:
        paper.line(text, gap=1.3)
    paper.space()
    paper.line("甲方（签章）：                              乙方（签章）：")
    paper.line("日期：                                      日期：")
    return paper.done()
