"""Worlds on disk: netCDF (version 3, which every reader of netCDF knows) or plain npz; never pickle."""

import json
from pathlib import Path

import numpy as np
import xarray as xr

from entrepot.errors import WorldError
from entrepot.world.table import DIMS, World, dataset


def save(world: World, path: Path) -> None:
    """Write a world to `path`, as netCDF (`.nc`) or npz (`.npz`); the file appears whole or not at all.

    netCDF 3 rather than 4: it needs no compiled library beyond SciPy and the same world gives the same bytes.
    Raises `WorldError` for another ending.
    """
    partial = path.with_name(path.name + ".partial")
    if path.suffix == ".nc":
        world.data.to_netcdf(partial, engine="scipy", format="NETCDF3_64BIT")
    elif path.suffix == ".npz":
        with partial.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **_arrays(world))
    else:
        raise WorldError(f"{path}: a world is saved as .nc (netCDF) or .npz; give one of these endings.")
    partial.replace(path)


def load(path: Path) -> World:
    """Read a world that `save` wrote; every invariant is checked again.

    Raises `WorldError` where the file is missing, cut short, or no world.
    """
    if path.suffix not in (".nc", ".npz"):
        raise WorldError(f"{path}: a world is a file ending in .nc (netCDF) or .npz.")
    try:
        data = _from_npz(path) if path.suffix == ".npz" else xr.load_dataset(path, engine="scipy")
    except WorldError:
        raise
    except Exception as error:  # damaged files raise errors of a dozen kinds in the libraries that read them
        raise WorldError(f"{path}: can't be read as a world: {error}. Is the file complete?") from None
    if "closed" not in data.attrs:
        raise WorldError(f"{path}: is {path.suffix[1:]}, but no world: it lacks the attribute `closed`.")
    return World(data, closed=bool(data.attrs["closed"]))


def _arrays(world: World) -> dict[str, np.ndarray]:
    attrs = {k: v if isinstance(v, str) else int(v) for k, v in world.data.attrs.items()}
    labels = {"economies": np.array(world.economies), "sectors": np.array(world.sectors)}
    stored = {str(name): array.values for name, array in world.data.data_vars.items()}
    return labels | stored | {"attrs": np.array(json.dumps(attrs))}


def _from_npz(path: Path) -> xr.Dataset:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        missing = sorted({"economies", "sectors", "attrs"} - set(stored.files))
        if missing:
            raise WorldError(f"{path}: is npz, but no world: it lacks {', '.join(missing)}.")
        variables = {name: stored[name] for name in stored.files if name in DIMS}
        attrs = json.loads(str(stored["attrs"]))
        return dataset(list(stored["economies"]), list(stored["sectors"]), variables, **attrs)
