"""Published evidence: its figures, what they fix and what they contradict."""
