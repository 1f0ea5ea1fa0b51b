"""Tables in files: one reader of CSV and XLSX (``reading``), one writer (``writing``), what cells mean (``cells``)."""
