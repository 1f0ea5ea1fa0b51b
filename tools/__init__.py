"""Tools for whoever works on Shanji; the product itself needs none of them."""
