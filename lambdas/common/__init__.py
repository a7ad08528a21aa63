"""What two or more contexts need: events, errors, the environment contract, the key scheme."""
