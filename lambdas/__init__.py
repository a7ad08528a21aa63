"""What runs on request: one package a bounded context, named as its stack."""
