"""Results as text and figures: pure functions of results."""
