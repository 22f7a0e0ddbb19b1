"""What a tariff does when the origin of goods is contested."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """The version, looked up when asked for: reading the package's metadata takes as long as reading numpy."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version  # noqa: PLC0415

    return version("entrepot")
