"""Étude trains whole studies of networks as a few compiled programs."""
