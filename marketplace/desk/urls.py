"""Doors of the village desk."""

from __future__ import annotations

from django.urls import path

from marketplace.desk import views
from marketplace.desk.views import filling, openings, pictures, prices, returns, suppliers, transfers, undoing, what_if

app_name = "desk"
urlpatterns = [
    path("", views.home, name="home"),
    path("tile/<slug:name>/", views.tile, name="tile"),
    path("verify/", views.verify, name="verify"),
    path("verify/<id:pk>/", views.record, name="record"),
    path("verify/<id:pk>/undo/", undoing.undo_verification, name="undo_verification"),
    path("notice/", views.notice, name="notice"),
    path("notice/publish/", views.publish, name="publish"),
    path("notice/<id:pk>/withdraw/", undoing.withdraw_notice, name="withdraw_notice"),
    path("notice/<id:pk>/print/", views.notice_print, name="notice_print"),
    path("objections/<id:pk>/", views.objection, name="objection"),
    path("activities/", views.activities, name="activities"),
    path("residents/", views.residents, name="residents"),
    path("residents/new/", views.register, name="register"),
    path("residents/<id:pk>/", views.resident, name="resident"),
    path("residents/<id:pk>/answer/", views.answer_request, name="answer_request"),
    path("residents/<id:pk>/card/", views.issue_card, name="issue_card"),
    path("residents/<id:pk>/card/block/", views.block_card, name="block_card"),
    path("residents/<id:pk>/helper/", views.add_helper, name="add_helper"),
    path("residents/<id:pk>/helper/<id:proxy_pk>/end/", views.end_helper, name="end_helper"),
    path("stock/", views.stock, name="stock"),
    path("stock/<id:pk>/", views.stock_item, name="stock_item"),
    path("stock/<id:pk>/send/", transfers.send, name="send_stock"),
    path("stock/in/<id:place>/transfers/", transfers.transfers, name="transfers"),
    path("stock/transfers/<id:pk>/", transfers.transfer, name="transfer"),
    path("suppliers/", suppliers.my_suppliers, name="my_suppliers"),
    path("suppliers/in/<id:place>/", suppliers.suppliers, name="suppliers"),
    path("suppliers/in/<id:place>/new/", suppliers.new_supplier, name="new_supplier"),
    path("shelf/", prices.my_shelf, name="my_shelf"),
    path("shelf/in/<id:place>/", prices.on_shelf, name="shelf"),
    path("shelf/in/<id:place>/labels/", prices.labels, name="shelf_labels"),
    path("shelf/in/<id:place>/fill/", filling.fill, name="shelf_fill"),
    path("shelf/in/<id:place>/prices/", filling.unpriced, name="shelf_prices"),
    path("shelf/in/<id:place>/opening/", openings.opening_counts, name="opening_counts"),
    path("shelf/opening/<id:pk>/", openings.opening_count, name="opening_count"),
    path("shelf/<id:pk>/picture/", pictures.picture, name="picture"),
    path("shelf/lists/<id:pk>/", prices.goods_import, name="goods_import"),
    path("shelf/in/<id:place>/file/", prices.goods_list, name="goods_list"),
    path("shelf/in/<id:place>/what-if/", what_if.try_out, name="what_if"),
    path("shelf/<id:pk>/price/", prices.price, name="price"),
    path("suppliers/<id:pk>/rewards/new/", prices.list_reward, name="list_reward"),
    path("suppliers/<id:pk>/", suppliers.supplier, name="supplier"),
    path("tickets/", views.tickets, name="tickets"),
    path("tickets/<id:pk>/return/", returns.ticket_return, name="ticket_return"),
    path("statement/", views.statement, name="statement"),
    path("statement/<year:year>/<month:month>/", views.month, name="month"),
    path("staff/", views.staff, name="staff"),
    path("staff/<id:pk>/hand-over/", views.hand_over, name="hand_over"),
    path("staff/<id:pk>/end/", views.end_role, name="end_role"),
]
