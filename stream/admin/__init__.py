"""The admin port: metrics, health, and who may ask."""
