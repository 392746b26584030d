"""What kernels and terminals are told."""
