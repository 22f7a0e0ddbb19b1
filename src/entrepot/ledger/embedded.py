"""The year of US imports that the package carries."""

from functools import cache
from importlib.resources import files

import polars as pl

from entrepot.ledger.table import Ledger


@cache
def embedded() -> Ledger:
    """US imports for consumption 2024 by 8-digit line and partner, with calculated duties.

    The EU is one origin (EU27); `fact.programme.USMCA` is the share of Canadian and Mexican value that
    claimed USMCA, missing elsewhere. The partners are the 49 largest and the EU, about 98 % of the trade.
    """
    data = files("entrepot.data").joinpath("us_imports_2024.parquet").read_bytes()
    return Ledger(pl.read_parquet(data), "embedded US imports 2024 (Census Bureau, 8-digit lines)", ())
