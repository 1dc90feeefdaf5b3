"""One grid of small networks on digits, trained by Étude, PyTorch and scikit-learn."""
