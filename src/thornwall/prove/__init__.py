"""What was claimed inside, tried from outside."""
