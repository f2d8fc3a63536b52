"""The energy E(W, Y, X, Z): features, reference models, distance, and joint inference."""
