"""The learned parts of the decision: baseline and effect, and how well they are calibrated and ranked."""
