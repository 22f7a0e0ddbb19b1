"""Fetching published tables: resumed where it stopped, whole or not at all, checked against a digest."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx

from entrepot.errors import WorldError

ATTEMPTS = 4
CHUNK = 1 << 18

Progress = Callable[[int, int | None], None]
"""Called with bytes had and bytes in all (None if the server doesn't say)."""


def fetch(
    client: httpx.Client, url: str, path: Path, progress: Progress, *, sha256: str | None = None
) -> str:
    """Fetch `url` to `path` and return the SHA-256 digest of what is there; a whole file is not fetched
    again.

    An interrupted fetch goes on from `path`.partial where the server allows it, up to four times. The digest
    is kept beside the file, and a file that differs from it is refused.

    Raises `WorldError` where the server refuses or breaks off, or the digest differs.
    """
    beside = path.with_name(path.name + ".sha256")
    wanted = sha256 or (beside.read_text(encoding="utf-8").split()[0] if beside.exists() else None)
    if not path.exists():
        partial = path.with_name(path.name + ".partial")
        path.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _continue(client, url, partial, progress)
                break
            except httpx.HTTPError as error:
                if attempt == ATTEMPTS or isinstance(error, httpx.HTTPStatusError):
                    raise WorldError(f"{url}: {error}. Run again to go on from {partial.name}.") from None
        partial.replace(path)
    found = _digest(path)
    if wanted and found != wanted:
        raise WorldError(
            f"{path}: SHA-256 is {found[:12]}…, not {wanted[:12]}… as expected: delete it and fetch it again."
        )
    beside.write_text(f"{found}  {path.name}\n", encoding="utf-8")
    return found


def oecd_icio(
    client: httpx.Client, year: int, folder: Path, progress: Progress, *, edition: str = "2023"
) -> Path:
    """The ICIO table of a year as CSV in `folder`, from the OECD's address that pymrio knows (extra `mrio`).

    Raises `WorldError` for a year or edition that is not offered, and what `fetch` raises.
    """
    address, name = _oecd_address(year, edition)
    known = sorted(folder.glob(f"ICIO{edition}_{year}*.csv"))
    if known:
        return known[0]
    archive = folder / f"ICIO{edition}_{name}.zip"
    fetch(client, address, archive, progress)
    return extract_year(archive, year, folder / f"ICIO{edition}_{year}.csv")


def extract_year(archive: Path, year: int, out: Path) -> Path:
    """Extract the one CSV of a year from a bundle, whole or not at all.

    Raises `WorldError` where the archive is damaged or holds no such file, naming those it holds.
    """
    try:
        with zipfile.ZipFile(archive) as bundle:
            tables = [n for n in bundle.namelist() if n.lower().endswith(".csv")]
            found = [n for n in tables if str(year) in Path(n).name]
            if len(found) != 1:
                raise WorldError(
                    f"{archive}: {len(found)} tables of {year}; it holds {', '.join(tables) or 'none'}."
                )
            partial = out.with_name(out.name + ".partial")
            with bundle.open(found[0]) as source, partial.open("wb") as target:
                while block := source.read(CHUNK):
                    target.write(block)
            partial.replace(out)
    except zipfile.BadZipFile as error:
        raise WorldError(
            f"{archive}: {error}: is no archive, perhaps a page in its place; delete it and try again."
        ) from None
    return out


def _continue(client: httpx.Client, url: str, partial: Path, progress: Progress) -> None:
    had = partial.stat().st_size if partial.exists() else 0
    asked = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={had}-"} if had else {})
    with client.stream("GET", url, headers=asked, follow_redirects=True) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # all of it is there
        answer.raise_for_status()
        resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
        had = had if resumed else 0
        length = answer.headers.get("Content-Length")
        total = had + int(length) if length else None
        with partial.open("ab" if resumed else "wb") as out:
            for block in answer.iter_bytes():  # as it comes, so that nothing had is lost
                out.write(block)
                had += len(block)
                progress(had, total)
    if total is not None and had < total:
        raise httpx.ReadError(f"{had} of {total} bytes came")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _oecd_address(year: int, edition: str) -> tuple[str, str]:
    try:
        from pymrio.tools.iodownloader import OECD_CONFIG  # noqa: PLC0415 (an extra)
    except ImportError:
        raise WorldError(
            "addresses of published tables come with the extra: pip install 'entrepot[mrio]'."
        ) from None
    offered: dict[str, dict[str, str]] = OECD_CONFIG["datafiles"]
    files = offered.get(f"v{edition}")
    if files is None:
        raise WorldError(
            f"OECD ICIO edition {edition}: not offered; there are {', '.join(e[1:] for e in offered)}."
        )
    for name, address in files.items():
        if int(name[:4]) <= year <= int(name[-4:]):
            return address, name
    raise WorldError(f"OECD ICIO edition {edition} has no {year}; it has {', '.join(files)}.")
