"""Expressions that the API evaluates itself: inputs, checks, webhooks (expression language 10.6)."""

from segue.api.ports import ApiPorts
from segue.ports.repositories.flow_expressions import FlowExpressions, Scene

__all__ = ["Scene", "expressions_of"]


def expressions_of(ports: ApiPorts) -> FlowExpressions:
    """What evaluates the expressions of flows over these ports."""
    return FlowExpressions(ports.engine, ports.services, ports.values, ports.globals)
