"""May this strategy trade real money? Criteria, what is measured, and the verdict."""
