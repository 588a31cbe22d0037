"""Where in a TOML text something stands."""
