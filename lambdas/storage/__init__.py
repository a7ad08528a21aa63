"""Storage: what becomes of objects once they lie in a bucket; restoring, verifying and comparing them."""
