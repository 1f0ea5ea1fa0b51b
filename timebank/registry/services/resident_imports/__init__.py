"""A list of residents from upload to the town's yes: read, decided, loaded, answered."""
