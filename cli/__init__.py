"""The ``marquee`` command: thin, over the packages that do the work."""
