"""What each operation does to labels: one rule per kind of operation, looked up by the operation's name.

To teach the anatomy a new operation, write a rule and register its names in the file of its kind. A rule that is wrong
does no harm beyond a family that stays fixed: `trial.py` removes every family before anybody relies on it.
"""

from heredity.anatomy.rules import elementwise, layers, local, movement, norms, products
from heredity.anatomy.rules.registry import RULES

__all__ = ["RULES", "elementwise", "layers", "local", "movement", "norms", "products"]
