"""What was measured, each figure beside a named peer of the same run. ``make bench`` prints it."""
