"""Pure judgements of a snapshot: one file a subject."""
