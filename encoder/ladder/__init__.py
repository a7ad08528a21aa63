"""A title's own ladder: excerpts, trials, curves, rungs, and the search that brings them together."""
