"""Money of the funds: whose, for what, promised to whom, owed to whom."""

from __future__ import annotations

from marketplace.funds.models.base import Attachment, Decision
from marketplace.funds.models.commitments import Commitment, DrawDown, DrawShare, ServiceGift
from marketplace.funds.models.funds import (
    Allocation,
    BankAccount,
    Budget,
    CoverageSnapshot,
    Fund,
    FundTerms,
    PeriodClose,
    Purpose,
    PurposeChange,
)
from marketplace.funds.models.prices import AgreedPrice, BasicLine
from marketplace.funds.models.settlement import (
    BankFile,
    BankFormat,
    BankLine,
    Expense,
    Objection,
    Payee,
    PayeeAccount,
    Payout,
    PayoutShare,
    QueuedRedemption,
    Statement,
    SuspenseMove,
)
from marketplace.funds.models.stock import Batch, BatchUse, Purchase

__all__ = [
    "AgreedPrice",
    "Allocation",
    "Attachment",
    "BankAccount",
    "BankFile",
    "BankFormat",
    "BankLine",
    "BasicLine",
    "Batch",
    "BatchUse",
    "Budget",
    "Commitment",
    "CoverageSnapshot",
    "Decision",
    "DrawDown",
    "DrawShare",
    "Expense",
    "Fund",
    "FundTerms",
    "Objection",
    "Payee",
    "PayeeAccount",
    "Payout",
    "PayoutShare",
    "PeriodClose",
    "Purchase",
    "Purpose",
    "PurposeChange",
    "QueuedRedemption",
    "ServiceGift",
    "Statement",
    "SuspenseMove",
]
