"""Addresses of the funds."""

from __future__ import annotations

from django.urls import path

from marketplace.funds.views import keeper, public, settling

app_name = "funds"
urlpatterns = [
    path("fund/", keeper.home, name="home"),
    path("fund/<int:fund_pk>/", keeper.fund, name="fund"),
    path("fund/<int:fund_pk>/refresh/", keeper.refresh, name="refresh"),
    path("fund/<int:fund_pk>/purposes/", keeper.purposes, name="purposes"),
    path("fund/<int:fund_pk>/purposes/<int:pk>/", keeper.purpose, name="purpose"),
    path("fund/<int:fund_pk>/prices/", keeper.agreed, name="prices"),
    path("fund/<int:fund_pk>/budgets/", keeper.budgets, name="budgets"),
    path("fund/<int:fund_pk>/lines/", keeper.lines, name="lines"),
    path("fund/<int:fund_pk>/expenses/", keeper.expenses, name="expenses"),
    path("fund/<int:fund_pk>/expenses/<int:pk>/pay/", settling.pay_expense, name="pay_expense"),
    path("fund/<int:fund_pk>/files/<int:pk>/", keeper.attachment, name="attachment"),
    path("fund/<int:fund_pk>/goods/", settling.goods_list, name="goods"),
    path("fund/<int:fund_pk>/payees/", keeper.payee_list, name="payees"),
    path("fund/<int:fund_pk>/periods/", keeper.periods, name="periods"),
    path("fund/<int:fund_pk>/approvals/", settling.approvals, name="approvals"),
    path("fund/<int:fund_pk>/decide/", settling.decide, name="decide"),
    path("fund/<int:fund_pk>/statements/", settling.statement_list, name="statements"),
    path("fund/<int:fund_pk>/payouts/", settling.payout_list, name="payouts"),
    path("fund/<int:fund_pk>/bank-files/<int:pk>/", settling.bank_file, name="bank_file"),
    path("settlement/", settling.suppliers, name="suppliers"),
    path("settlement/<int:pk>/", settling.supplier, name="supplier"),
    path("settlement/statements/<int:pk>/", settling.statement, name="statement"),
    path("funds/", public.public_list, name="public_list"),
    path("funds/<int:fund_pk>/", public.fund_statement, name="public"),
]
