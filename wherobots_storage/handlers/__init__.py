"""The HTTP edge: routes, and the one place where errors become statuses."""
