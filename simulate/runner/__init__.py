"""One scenario run: packed into the engine's arrays, cut into blocks, given to workers."""
