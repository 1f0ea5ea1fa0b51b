"""Fork of Oscar's search: lists ask the database; haystack's simple engine shows nothing and splits no Chinese."""
