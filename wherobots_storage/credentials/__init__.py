"""Who we are to the store: where the user's session comes from, and what is handed out."""
