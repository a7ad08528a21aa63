"""Ingestion: from a studio's delivery to an accepted source, or to a named rejection."""
