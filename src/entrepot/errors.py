"""What a user can get wrong, said so that it can be mended.

Every error that a user's input can cause derives from `EntrepotError`; its message is one paragraph that
names the file, row or key, what was found there and what would do. The command line prints it and ends
with exit code 2; anything else that escapes is a fault of the package.
"""


class EntrepotError(Exception):
    """A mistake in what the user gave: a file, a code, a date, an option."""


class UnknownCode(EntrepotError):
    """A code that names no economy, group, product, sector, measure or list."""


class LedgerError(EntrepotError):
    """A trade record, or a file of them, that can't be used."""


class LawError(EntrepotError):
    """A measure, book or overlay that says nothing definite."""


class Unresolved(EntrepotError):
    """A question that needs a fact which nobody gave; the message names it."""


class BillError(EntrepotError):
    """A bill of materials whose parts or sums can't be right; the message names file and node."""


class RuleError(EntrepotError):
    """A rule of origin, or a set of them, that says nothing definite."""


class Infeasible(EntrepotError):
    """A choice of suppliers that no rule or limit leaves; the message says which, and by how much."""


class WorldError(EntrepotError):
    """A world table, or a file or fact it is made from, that doesn't add up or can't be read."""


class NotConverged(EntrepotError):
    """An iteration that ended above its tolerance; the message has the residual and the worst place."""


class OptionError(EntrepotError):
    """An option of a model that it doesn't have, or a value that it can't take."""


class ShockError(EntrepotError):
    """A change to a world (tariffs, costs, deficits) that names what isn't there or can't be."""


class ScenarioError(EntrepotError):
    """A scenario file that asks nothing definite, or a result that can't be written."""
