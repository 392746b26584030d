"""What a sync or a restore should do, computed as values. Pure: no os, clock, logger or store."""
