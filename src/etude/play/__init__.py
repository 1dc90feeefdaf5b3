"""Playing études: their studies are run, their rule is applied, and a page says what came out."""
