"""Monte Carlo simulation of confirmatory clinical trials."""
