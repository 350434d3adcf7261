"""The typed model of a trial: its TOML file, its JSON Schema, its hazards, its hashes."""
