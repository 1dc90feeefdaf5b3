"""Learning where the noise has heavy tails: components for Étude."""
