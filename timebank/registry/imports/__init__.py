"""Lists of residents as clerks keep them: what a row means (``candidates``), whom it resembles (``matching``)."""
