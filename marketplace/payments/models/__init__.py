"""Money that comes in, goes back, is doubted or paid out; what providers and banks said of it."""

from __future__ import annotations

from marketplace.payments.models.bank import BankEntry, BankImport, BankTemplate
from marketplace.payments.models.payments import Dispute, Payment, Refund
from marketplace.payments.models.recon import ReconItem, ReconRun
from marketplace.payments.models.remote import BalanceTransaction, ProviderPayout, RefusedHookCount, StripeEvent

__all__ = [
    "BalanceTransaction",
    "BankEntry",
    "BankImport",
    "BankTemplate",
    "Dispute",
    "Payment",
    "ProviderPayout",
    "ReconItem",
    "ReconRun",
    "Refund",
    "RefusedHookCount",
    "StripeEvent",
]
