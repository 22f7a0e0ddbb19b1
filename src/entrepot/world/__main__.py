"""`python -m entrepot.world FACTS OUT`: build the embedded world again, as `make world` does."""

import sys
from pathlib import Path

from entrepot.world.reference import build

estimated = build(Path(sys.argv[1]), Path(sys.argv[2]))
moved = f"last round moved {estimated.change:.1e} of trade, {estimated.sweeps} sweeps"
print(f"residual {estimated.residual:.1e}, {moved}")
