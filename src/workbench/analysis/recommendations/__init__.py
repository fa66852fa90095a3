"""What to offer next to whom: buy again, new for you, and one neutral list. Serves 07_mine_affinities."""
