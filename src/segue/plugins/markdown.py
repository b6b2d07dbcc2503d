"""The documentation of a type as a page of Markdown (REST API 6.11)."""

import msgspec
from pydantic import BaseModel

from segue.plugins.schema_generator import REF, JsonObject


def page(type_name: str, model: type[BaseModel], schema: JsonObject, *, is_deprecated: bool) -> str:
    """The documentation of a type whose properties, definitions and outputs are in ``schema``, as Markdown."""
    described, definitions = schema["properties"], schema["definitions"]
    lines = [f"# {type_name.rpartition('.')[2]}", "", f"```yaml\ntype: {type_name}\n```", ""]
    if is_deprecated:
        instead = getattr(model, "deprecated", "")
        lines += [f"> Deprecated. {instead}".rstrip(), ""]
    for word in ("title", "description"):
        lines += [described[word], ""] if described.get(word) else []
    if names := sorted(getattr(model, "aliases", ())):
        lines += [f"Older names: {', '.join(f'`{name}`' for name in names)}.", ""]
    for example in described["$examples"]:
        lines += [f"### {example['title']}", "", f"```yaml\n{example['code']}\n```", ""]
    for head, part in (("Properties", described), ("Outputs", schema["outputs"])):
        rows = [_row(name, one, definitions) for name, one in part.get("properties", {}).items()]
        if rows:
            lines += [f"## {head}", "", "| Name | Type | Default | |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _row(name: str, part: JsonObject, definitions: JsonObject) -> str:
    default = f"`{msgspec.json.encode(part['default']).decode()}`" if "default" in part else ""
    marks = ", ".join(word for word in ("required", "dynamic", "deprecated") if part.get(f"${word}"))
    text = (part.get("description", "") + (f" ({marks})" if marks else "")).replace("|", "\\|").replace("\n", " ")
    return f"| `{name}` | {_type(part, definitions)} | {default} | {text} |"


def _type(part: JsonObject, definitions: JsonObject) -> str:
    if "const" in part or "enum" in part:
        return ", ".join(f"`{one}`" for one in part.get("enum", [part.get("const")]))
    if "$ref" in part:
        name = str(part["$ref"]).removeprefix(REF)
        found = definitions.get(name, {})
        return _type(found, {}) if "enum" in found or "const" in found else name.rpartition(".")[2]
    for union in ("anyOf", "allOf", "oneOf"):
        if union in part:
            return " or ".join(dict.fromkeys(_type(one, definitions) for one in part[union]))
    kind = part.get("type", "any")
    if kind == "array":
        return f"list of {_type(part.get('items', {}), definitions)}"
    return part.get("format") or (" or ".join(kind) if isinstance(kind, list) else str(kind))
