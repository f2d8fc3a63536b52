"""Energies over pairs (x, y): a function, and two learned embeddings; for parabola and eye."""
