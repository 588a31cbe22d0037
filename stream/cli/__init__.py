"""The command `fraudstream`: names, options and help."""
