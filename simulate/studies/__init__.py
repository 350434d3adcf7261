"""Many scenarios: the cells of a grid, their folders, and the table of what they give."""
