"""The engines of params.yaml, one package each. A package imports nothing of another one, and no module outside does.

`BACKENDS` imports a package when its engine is used. So an edit of a package concerns the stages that use its engine.
"""

from stages.core.registry import ENGINES, Implementations
from stages.inference.engine_interface import Backend

BACKENDS = Implementations(ENGINES, Backend)
"""Name in params.yaml -> backend."""
