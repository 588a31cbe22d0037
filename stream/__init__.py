"""The engine: a pure core, and a shell that talks to the world."""
