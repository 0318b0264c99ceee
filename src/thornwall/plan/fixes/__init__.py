"""One file a subject: the fixes of its rules."""
