"""The wire: what travels between server, browser and agent, in one schema."""
