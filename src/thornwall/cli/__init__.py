"""Parse, call a job, render: no logic."""
