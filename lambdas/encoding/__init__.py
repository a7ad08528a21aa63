"""Encoding: plans the chunk and rung jobs of a version, and registers what was packaged."""
