"""Which items are bought together: baskets, itemsets, rules and partners. Serves 07_mine_affinities."""
