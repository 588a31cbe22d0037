"""Online scalers: features of any size in, comparable ones out."""
