"""Quality control: what the task ``analyse`` measures, one idea a module."""
