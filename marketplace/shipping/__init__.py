"""Fork of Oscar's shipping. Everything is collected at the supplier's counter; there is no charge."""
