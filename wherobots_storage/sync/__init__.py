"""The home's mirror: scanning, journal, execution, and the agent process that runs them."""
