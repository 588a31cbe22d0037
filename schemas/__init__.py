"""The contracts: what crosses a border, and how bytes become columns."""
