"""What runs in processes of its own: the peers, and Étude where more than its table is asked."""
