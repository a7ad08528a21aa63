"""What is declared: one module a bounded context, composed by ``app.py``."""
