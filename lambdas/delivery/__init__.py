"""Delivery: what the edge needs at deployment."""
