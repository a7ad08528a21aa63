"""Marquee's own constructs, one architectural idea each."""
