"""What the suite stands on: real servers, cloned databases, races, browsers. Nothing here is about the product."""
