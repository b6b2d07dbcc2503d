"""Flow text to flow model, with everything there is to say about it (flow language 1 and 2.3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from segue.domain.errors import FlowInvalidError
from segue.domain.flow.dialects import dialect_of, different_readings, uses_v2
from segue.domain.flow.faults import Fault, faults_of
from segue.domain.flow.model import Flow
from segue.domain.flow.normalise import Notes, normalise
from segue.domain.flow.plugin_defaults import apply_defaults, own_defaults
from segue.domain.flow.source import DEFAULT_LIMITS, Document, Path, SourceLimits, read_document
from segue.domain.flow.tree import format_path
from segue.domain.flow.type_names import TypeCatalogue, current_name
from segue.domain.flow.validate import RULES, RULES_OF_V2, Rule, old_forms, type_faults, warnings_of
from segue.domain.violations import Violation
from segue.expr import Dialect

_GROWING_INPUTS = frozenset({"SELECT", "MULTISELECT", "FILE"})


@dataclass(frozen=True, slots=True)
class FlowReport:
    """The outcome of reading one flow.

    `flow` is there whenever a model could be built, even with violations (a draft may be stored with them).
    `dialect` is the one that the flow's constructs ask for, `None` when the server's setting decides.
    """

    flow: Flow | None
    violations: tuple[Violation, ...] = ()
    deprecation_paths: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    dialect: Dialect | None = None

    @property
    def message(self) -> str | None:
        """All violations in one text, `None` for a valid flow (`constraints` on the wire)."""
        return FlowInvalidError(self.violations).message if self.violations else None

    def valid_flow(self) -> Flow:
        """Return the flow. Raise `FlowInvalidError` with all violations if there are any."""
        if self.violations or self.flow is None:
            raise FlowInvalidError(self.violations)
        return self.flow


def parse_flow(
    text: str,
    types: TypeCatalogue,
    *,
    strict: bool = True,
    with_defaults: bool = True,
    defaults: Sequence[Mapping[str, Any]] = (),
    extra_rules: Sequence[Rule] = (),
    limits: SourceLimits = DEFAULT_LIMITS,
    default_dialect: Dialect = Dialect.V2,
) -> FlowReport:
    """Read one flow.

    `strict` is for flows that are being saved or validated. Without it (stored flows) unknown properties are
    ignored and no rule is asked but those the model itself needs. When strict, unknown properties of some
    types of inputs are warnings. Raises `FlowSyntaxError` if the text is no YAML map; every other fault is a
    violation in the report.

    `with_defaults` fills the plugin defaults of the flow, then `defaults` (of namespace and server), into
    the tasks and triggers; leave it out to show a flow as it was written. `extra_rules` are asked too when
    strict: what other parts of the domain know, such as cron expressions. `default_dialect` reads the expressions
    of flows that do not show for which release they were written.
    """
    return parse_document(
        read_document(text, limits),
        types,
        strict=strict,
        with_defaults=with_defaults,
        defaults=defaults,
        extra_rules=extra_rules,
        default_dialect=default_dialect,
    )


def parse_document(
    document: Document,
    types: TypeCatalogue,
    *,
    strict: bool = True,
    with_defaults: bool = True,
    defaults: Sequence[Mapping[str, Any]] = (),
    extra_rules: Sequence[Rule] = (),
    default_dialect: Dialect = Dialect.V2,
) -> FlowReport:
    """The same for a text that is read already; its data are changed."""
    data = document.data
    if with_defaults:
        apply_defaults(data, [*own_defaults(data), *defaults], _canonical(types))
    is_v2 = uses_v2(data)
    notes = normalise(data, _canonical(types))
    dialect = dialect_of(is_v1=notes.is_v1, is_v2=is_v2)
    flow, faults, left_out = _build(data, strict)
    warnings = [str(violation) for violation in _violations(left_out, document, notes)] if strict else []
    if strict:
        faults.extend(type_faults(data, types))
        for path in old_forms(data, types):
            notes.deprecate(path, still_in_v2=True)
        for rule in (*RULES, *extra_rules):
            faults.extend(rule(data))
        of_v2 = [fault for rule in RULES_OF_V2 for fault in rule(data)]
        if notes.is_v1:
            warnings.extend(str(violation) for violation in _violations(of_v2, document, notes))
        else:
            faults.extend(of_v2)
        warnings.extend(warnings_of(data))
        readings = _violations(different_readings(data, dialect, default_dialect), document, notes)
        warnings.extend(violation.with_line for violation in readings)
    return FlowReport(
        flow=flow,
        violations=_violations(faults, document, notes),
        deprecation_paths=notes.deprecation_paths,
        warnings=tuple(warnings),
        infos=tuple(dict.fromkeys(notes.infos)),
        dialect=dialect,
    )


def fill_defaults(text: str, types: TypeCatalogue, defaults: Sequence[Mapping[str, Any]]) -> str:
    """The flow as it is run where `defaults` hold: its own and those are filled in, its own list is empty.

    For those who read the flow without knowing `defaults`. Raises `FlowSyntaxError`.
    """
    if not defaults:
        return text
    data = read_document(text).data
    apply_defaults(data, [*own_defaults(data), *defaults], _canonical(types))
    for name in {"pluginDefaults", "taskDefaults"} & data.keys():
        data[name] = []  # kept as a sign of 1.x, which decides on the dialect
    return json.dumps(data, ensure_ascii=False)


def _canonical(types: TypeCatalogue) -> Callable[[str], str]:
    return lambda name: current_name(name, types)


def _build(data: dict[str, Any], strict: bool) -> tuple[Flow | None, list[Fault], list[Fault]]:
    """The model, what is wrong, and the unknown properties that were read past (and taken out of `data`)."""
    try:
        return Flow.model_validate(data, by_alias=True, by_name=False), [], []
    except ValidationError as error:
        faults = list(faults_of(error))
    left_out = [fault for fault in faults if fault.is_unknown and (not strict or _is_of_growing_input(data, fault))]
    if not left_out:
        return None, faults, []
    for fault in left_out:
        _remove(data, fault.path)
    flow, faults, _ = _build(data, strict=True)
    return flow, faults, left_out


def _is_of_growing_input(data: dict[str, Any], fault: Fault) -> bool:
    """Whether an unknown property stands at an input of a type that still gets new ones (17)."""
    if "inputs" not in fault.path[-3:-1]:
        return False
    place: Any = data
    for part in fault.path[:-1]:
        place = place[part]
    return isinstance(place, dict) and place.get("type") in _GROWING_INPUTS


def _remove(data: Any, path: Path) -> None:
    """Take the property at `path` away."""
    for part in path[:-1]:
        data = data[part]
    del data[path[-1]]


def _violations(faults: Iterable[Fault], document: Document, notes: Notes) -> tuple[Violation, ...]:
    """Put faults into the order of the text, each once."""
    violations = []
    for fault in dict.fromkeys(faults):
        path = notes.origin(fault.path)
        line, column = document.position(path) or (None, None)
        violations.append(Violation(format_path(path), fault.message, line, column))
    return tuple(sorted(violations, key=lambda violation: (violation.line or 0, violation.column or 0)))
