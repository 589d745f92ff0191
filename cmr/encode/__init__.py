"""From pictures and captions to native vectors."""
