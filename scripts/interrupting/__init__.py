"""What scripts/interruptions.py is made of: commands, and the faults that befall them."""
