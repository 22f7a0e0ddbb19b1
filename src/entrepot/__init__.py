"""What a tariff does when the origin of goods is contested."""

from importlib.metadata import version

__version__ = version("entrepot")
