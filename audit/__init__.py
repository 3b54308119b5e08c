"""What the journal proves: the lineage of a decision, its re-execution, and the business figures."""
