"""Tariff law as dated data: measures, books, regimes and what a line pays under them."""
