"""What runs in AWS Batch: one process a task, from the delivered bytes to encrypted, packaged segments."""
