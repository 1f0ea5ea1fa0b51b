"""Addresses of the funds."""

from __future__ import annotations

from django.urls import path

from marketplace.funds.views import (
    approvals,
    expenses,
    goods,
    home,
    income,
    payees,
    payouts,
    plans,
    prices,
    public,
    purposes,
    setting_up,
    statements,
    supplier,
)

app_name = "funds"
urlpatterns = [
    path("fund/", home.home, name="home"),
    path("fund/new/", setting_up.open_fund, name="open"),
    path("fund/<id:fund_pk>/", home.fund, name="fund"),
    path("fund/<id:fund_pk>/refresh/", home.refresh, name="refresh"),
    path("fund/<id:fund_pk>/terms/", setting_up.terms, name="terms"),
    path("fund/<id:fund_pk>/purposes/", purposes.purposes, name="purposes"),
    path("fund/<id:fund_pk>/purposes/<id:pk>/", purposes.purpose, name="purpose"),
    path("fund/<id:fund_pk>/prices/", prices.agreed, name="prices"),
    path("fund/<id:fund_pk>/budgets/", plans.budgets, name="budgets"),
    path("fund/<id:fund_pk>/lines/", income.lines, name="lines"),
    path("fund/<id:fund_pk>/expenses/", expenses.expenses, name="expenses"),
    path("fund/<id:fund_pk>/expenses/<id:pk>/pay/", expenses.pay_expense, name="pay_expense"),
    path("fund/<id:fund_pk>/files/<id:pk>/", expenses.attachment, name="attachment"),
    path("fund/<id:fund_pk>/goods/", goods.goods_list, name="goods"),
    path("fund/<id:fund_pk>/payees/", payees.payee_list, name="payees"),
    path("fund/<id:fund_pk>/payees/<id:pk>/", payees.payee, name="payee"),
    path("fund/<id:fund_pk>/periods/", plans.periods, name="periods"),
    path("fund/<id:fund_pk>/approvals/", approvals.approvals, name="approvals"),
    path("fund/<id:fund_pk>/decide/", approvals.decide, name="decide"),
    path("fund/<id:fund_pk>/statements/", statements.statement_list, name="statements"),
    path("fund/<id:fund_pk>/payouts/", payouts.payout_list, name="payouts"),
    path("fund/<id:fund_pk>/bank-files/<id:pk>/", payouts.bank_file, name="bank_file"),
    path("settlement/", supplier.suppliers, name="suppliers"),
    path("settlement/<id:pk>/", supplier.supplier, name="supplier"),
    path("settlement/statements/<id:pk>/", statements.statement, name="statement"),
    path("funds/", public.public_list, name="public_list"),
    path("funds/<id:fund_pk>/", public.fund_statement, name="public"),
]
