"""Value by economy of origin, through all tiers."""

from entrepot.content.decompose import KWW_TERMS, decompose, koopman_wang_wei, participation
from entrepot.content.leontief import System, leontief_inverse, system
from entrepot.content.position import position
from entrepot.content.trace import content_of, trace

__all__ = [
    "KWW_TERMS",
    "System",
    "content_of",
    "decompose",
    "koopman_wang_wei",
    "leontief_inverse",
    "participation",
    "position",
    "system",
    "trace",
]
