"""Executable sizing: the numbers that the documents quote are computed here."""
