"""The `marquee` command, where nothing runs."""
