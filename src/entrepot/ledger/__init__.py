"""Trade records: what they look like, reading and checking them, sums that lose nothing.

A ledger's table has the columns importer, origin, product, value_usd, and where known duty_usd, period, date
and any facts as `fact.NAME`. See `Ledger`.
"""

from entrepot.ledger.embedded import embedded
from entrepot.ledger.read import read
from entrepot.ledger.split import SplitReport
from entrepot.ledger.table import FACT, Ledger

__all__ = ["FACT", "Ledger", "SplitReport", "embedded", "read"]
