"""Whether drift is found, how soon, and how often there is said to be some where there is none."""
