"""How a host is reached: this machine, SSH, a root directory."""
