"""A shop whose truth is known: shoppers, carts and responses to contact, for training, evaluation and the demo.

Nothing here reads a feature, and nothing of the truth is ever in an event.
"""
