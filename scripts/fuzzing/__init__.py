"""Broken input for every reader of objrec; `python scripts/fuzz.py` runs it."""
