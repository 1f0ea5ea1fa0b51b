"""Addresses of the funds."""

from __future__ import annotations

from django.urls import path

from marketplace.funds.views import keeper, public, settling

app_name = "funds"
urlpatterns = [
    path("fund/", keeper.home, name="home"),
    path("fund/<id:fund_pk>/", keeper.fund, name="fund"),
    path("fund/<id:fund_pk>/refresh/", keeper.refresh, name="refresh"),
    path("fund/<id:fund_pk>/purposes/", keeper.purposes, name="purposes"),
    path("fund/<id:fund_pk>/purposes/<id:pk>/", keeper.purpose, name="purpose"),
    path("fund/<id:fund_pk>/prices/", keeper.agreed, name="prices"),
    path("fund/<id:fund_pk>/budgets/", keeper.budgets, name="budgets"),
    path("fund/<id:fund_pk>/lines/", keeper.lines, name="lines"),
    path("fund/<id:fund_pk>/expenses/", keeper.expenses, name="expenses"),
    path("fund/<id:fund_pk>/expenses/<id:pk>/pay/", settling.pay_expense, name="pay_expense"),
    path("fund/<id:fund_pk>/files/<id:pk>/", keeper.attachment, name="attachment"),
    path("fund/<id:fund_pk>/goods/", settling.goods_list, name="goods"),
    path("fund/<id:fund_pk>/payees/", keeper.payee_list, name="payees"),
    path("fund/<id:fund_pk>/periods/", keeper.periods, name="periods"),
    path("fund/<id:fund_pk>/approvals/", settling.approvals, name="approvals"),
    path("fund/<id:fund_pk>/decide/", settling.decide, name="decide"),
    path("fund/<id:fund_pk>/statements/", settling.statement_list, name="statements"),
    path("fund/<id:fund_pk>/payouts/", settling.payout_list, name="payouts"),
    path("fund/<id:fund_pk>/bank-files/<id:pk>/", settling.bank_file, name="bank_file"),
    path("settlement/", settling.suppliers, name="suppliers"),
    path("settlement/<id:pk>/", settling.supplier, name="supplier"),
    path("settlement/statements/<id:pk>/", settling.statement, name="statement"),
    path("funds/", public.public_list, name="public_list"),
    path("funds/<id:fund_pk>/", public.fund_statement, name="public"),
]
