"""Webhooks on their way: dialling a vetted address, and one attempt at a delivery."""
