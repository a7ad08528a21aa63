"""Marquee without an AWS account: the embedded cloud, and the demo that runs in it."""
