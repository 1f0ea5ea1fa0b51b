"""Addresses of payments: the webhook, the payer's pages, the fund keeper's pages."""
