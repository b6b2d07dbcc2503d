"""Segue, a declarative workflow orchestrator.

A flow travels through the packages in this order: ``domain.flow`` (text to model), ``ports`` and
``adapters`` (stored, queued), ``services.executor`` with ``domain.engine`` (decided),
``services.controller`` (dispatched), ``services.worker`` with ``plugins`` (run), and back.
"""

__version__ = "0.1.0"
