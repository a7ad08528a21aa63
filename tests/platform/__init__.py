"""The whole platform, deployed into the embedded cloud: films, bad deliveries, dead jobs, viewers and thieves."""
