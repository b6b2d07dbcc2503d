"""The flow language: text to data, data to model, every fault with its place."""

from segue.domain.flow.compiled import CompiledFlow, TaskNode
from segue.domain.flow.model import Flow
from segue.domain.flow.parse import FlowReport, parse_flow
from segue.domain.flow.type_names import TypeCatalogue, TypeInfo

__all__ = ["CompiledFlow", "Flow", "FlowReport", "TaskNode", "TypeCatalogue", "TypeInfo", "parse_flow"]
