"""Event schemas, and the emitter that checks against them."""
