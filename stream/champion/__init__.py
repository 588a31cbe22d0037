"""Champion and challengers: who scores, who decides, who learns, and how one follows another."""
