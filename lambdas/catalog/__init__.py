"""Catalog: titles, versions, and the one transaction that publishes."""
