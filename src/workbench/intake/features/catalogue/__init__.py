"""The catalogue of features: their definitions in words, in the order of the features table.

An entry is given by keywords:

- ``name``: its column, with unit and window; ``{days}`` stands for the length of each window
- ``kind``: a kind of ``core.schema``: integer, number, money, date or category
- ``unit``: days, orders, money, share (0..1), date, name, weekday (1..7), or what is counted
- ``needs``: the source columns it is computed from, separated by blanks, as table.column; one without a table belongs
  to transactions, ``a|b`` needs one of the two; left out where customer and amount of the order lines suffice
- ``missing``: what a missing value means, a key of ``catalogue.missing``; with ``zero`` a customer without rows has 0
- ``moves_with``: what else changes it for a customer of whom nothing new is recorded: ``date``, the day on which it is
  computed, as of an age; ``others``, the records of other customers, as of a rank; left out where nothing does
- ``label``, ``formula``: a short name and the definition, each as ``{"en": ..., "zh": ...}``
"""
