"""The stacks, as synthesised: what matters of each context, the policy gate, and whether AWS would take them."""
