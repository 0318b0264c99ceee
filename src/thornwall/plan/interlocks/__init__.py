"""What holds a step back, because it could lock the owner out or break what the device is for."""
