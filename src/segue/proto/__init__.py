"""Wire formats: ``.proto`` files below ``segue/`` and the stubs generated from them in ``generated``."""
