"""Stock django-oscar, none of our forks: the shop that B3 and B4 measure ours beside."""
