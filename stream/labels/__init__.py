"""Labels: joined to what was decided, judged, and handed on to the learners."""
