"""The small HTTP face that links in messages lead to."""
