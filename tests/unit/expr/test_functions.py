"""Functions beyond the table of language rules, with and without their services."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from segue.expr import (
    Engine,
    EvaluationError,
    ExpressionError,
    HttpCall,
    Interrupt,
    KvValue,
    LimitError,
    ServiceMissingError,
    Services,
    SubflowCall,
)
from segue.expr.functions import FUNCTIONS

STORAGE_FILE = "kestra:///company/team/f1/executions/e1/tasks/t/r/out.json"


@pytest.mark.parametrize(
    ("call", "service"),
    [
        ("now()", "clock"),
        ("uuid()", "entropy"),
        ("nanoId()", "entropy"),
        ("randomPort()", "free_port"),
        ("secret('A')", "secrets"),
        ("kv('a') ?? 1", "kv"),
        ("read('a')", "files"),
        ("fileExists('a')", "files"),
        ("http('http://x')", "http"),
        ("errorLogs()", "logs"),
        ("subflow('n', 'f')", "subflow"),
        ("isPublicHoliday('2025-01-01', 'FR')", "holidays"),
        ("now() == 1", "clock"),
    ],
)
def test_a_missing_service_is_named(engine: Engine, call: str, service: str) -> None:
    with pytest.raises(ServiceMissingError, match=f"the service '{service}'") as caught:
        engine.render("{{ " + call + " }}", {})
    assert caught.value.service == service


def test_identifiers_have_their_forms(engine: Engine, services: Services) -> None:
    text = UUID(engine.render("{{ uuid() }}", {}, services) or "")
    assert text.version == 7
    assert text.int >> 80 == int(datetime(2024, 3, 5, 14, 7, 9, 123456, tzinfo=UTC).timestamp() * 1000)
    assert re.fullmatch(r"[0-9A-Za-z]{20,22}", engine.render("{{ id() }}", {}, services) or "")
    assert re.fullmatch(r"[0-9A-Za-z]{27}", engine.render("{{ ksuid() }}", {}, services) or "")
    assert re.fullmatch(r"[\w-]{21}", engine.render("{{ nanoId() }}", {}, services) or "")
    assert engine.render("{{ uuid() }}", {}, services) != engine.render("{{ uuid() }}", {}, services)


def test_random_integers_stay_within_bounds(engine: Engine, services: Services) -> None:
    drawn = {engine.render("{{ randomInt(-2, 3) }}", {}, services) for _ in range(200)}
    assert drawn == {"-2", "-1", "0", "1", "2"}
    with pytest.raises(EvaluationError, match="lower than: 1000"):
        engine.render("{{ nanoId(1001) }}", {}, services)


def test_secrets_are_in_no_message(engine: Engine, services: Services, run_context: dict[str, Any]) -> None:
    for text in (
        "{{ secret('API', subkey='x') }}",
        "{{ secret('API') + 1 - 1 }}",
        "{{ secret('API').nope }}",
        "{{ secret('API') | number }}",
        "{{ secret('API') | date }}",
        "{{ flow[secret('API')] }}",
        "{% for x in secret('API') %}{% endfor %}",
        "{{ render(secret('API') ~ '{{') }}",
        "{{ secret('CFG', subkey='user') | number }}",
    ):
        with pytest.raises(ExpressionError) as caught:
            engine.render(text, run_context, services)
        shown = "".join(traceback.format_exception(caught.value))
        assert "s3cr3t" not in shown
        assert '"bob' not in shown
    assert "s3cr3t" not in (engine.render("{{ printContext() }}", run_context, services) or "")


def test_an_expired_value_counts_as_missing(engine: Engine, run_context: dict[str, Any]) -> None:
    class Expired:
        def read(self, namespace: str, key: str) -> KvValue | None:
            return KvValue(1, expired=True)

    used = Services(kv=Expired())
    assert engine.render("{{ kv('a', errorOnMissing=false) ?? 'd' }}", run_context, used) == "d"
    with pytest.raises(EvaluationError, match="has expired"):
        engine.render("{{ kv('a') }}", run_context, used)


def test_a_service_may_interrupt(engine: Engine, run_context: dict[str, Any]) -> None:
    class Wanted(Interrupt):
        pass

    class Absent:
        def read(self, namespace: str, key: str) -> KvValue | None:
            raise Wanted(namespace, key)

    with pytest.raises(Wanted):
        engine.render("{{ (kv('a') + 1) ?? 'd' }}", run_context, Services(kv=Absent()))


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "a/%2e%2e/x",
        "kestra:///company/team/f1/executions/e1/../../x",
        "kestra:///company/team/f2/executions/other/x",
        "kestra:///company/team/f1x/executions/e1/y",
        "ftp://h/x",
        "",
    ],
)
def test_paths_that_leave_their_place_are_refused(
    engine: Engine, services: Services, run_context: dict[str, Any], path: str
) -> None:
    for function in ("read", "fileSize", "fileExists", "isFileEmpty", "fileURI"):
        with pytest.raises(EvaluationError):
            engine.render(f"{{{{ {function}(p) }}}}", {**run_context, "p": path}, services)


def test_files_are_read_by_every_form_of_path(engine: Engine, services: Services, run_context: dict[str, Any]) -> None:
    context = {**run_context, "u": STORAGE_FILE}
    assert engine.render("{{ fromJson(read(u)).x }}", context, services) == "1"
    assert engine.render("{{ read('nsfile:///data/hello.txt') }}", context, services) == "hi\n"
    assert engine.render("{{ read('nsfile://company.team/data/hello.txt') }}", context, services) == "hi\n"
    assert engine.render("{{ fileURI('a.txt') }}", context, services) == "kestra:///company/team/_files/a.txt"
    assert engine.render("{{ fileURI(u) }}", context, services) == STORAGE_FILE


def test_http_hands_its_arguments_to_the_service(engine: Engine) -> None:
    calls: list[HttpCall] = []

    def answer(call: HttpCall) -> Any:
        calls.append(call)
        return {"ok": [1]}

    text = "{{ http('http://x/y', 'post', body={'a': 1}, headers={'h': 'v'}).ok[0] }}"
    assert engine.render(text, {}, Services(http=answer)) == "1"
    expected = HttpCall("http://x/y", "POST", {}, {"a": 1}, "application/json", {"h": "v"}, None, "application/json")
    assert calls == [expected]


def test_subflow_runs_only_in_forms(engine: Engine) -> None:
    def run(call: SubflowCall) -> Mapping[str, Any]:
        return {"id": "x", "state": "SUCCESS", "outputs": dict(call.inputs), "labels": {}}

    used = Services(subflow=run)
    assert engine.render("{{ subflow('n', 'f', {'a': 3}).outputs.a }}", {}, used) == "3"
    for context in ({"taskrun": {}}, {"trigger": {}}):
        with pytest.raises(EvaluationError, match="flow-input render time"):
            engine.render("{{ subflow('n', 'f') }}", context, used)
    with pytest.raises(EvaluationError, match=r"system\.x"):
        engine.render("{{ subflow('n', 'f', labels={'system.x': 1}) }}", {}, used)


def test_error_logs_are_limited(engine: Engine) -> None:
    used = Services(logs=lambda limit: [{"message": str(n)} for n in range(limit + 9)])
    assert engine.render("{{ errorLogs() | length }} {{ errorLogs()[0].message }}", {}, used) == "25 0"


def test_holidays_come_from_the_service(engine: Engine, services: Services) -> None:
    used = replace(
        services, holidays=lambda day, country, part: (day, country, part) == (date(2025, 7, 14), "FR", None)
    )
    assert engine.render("{{ isPublicHoliday('2025-07-14T23:00:00+02:00', 'fr', ' ') }}", {}, used) == "true"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("max(1, null, 2.5)", "2.5"),
        ("min(3, 1, 2)", "1"),
        ("range(1, 10, 4)", "[1,5,9]"),
        ("range('c', 'a', -1)", '["c","b","a"]'),
        ("loopOutputs([{'outputs': {'r': 1}}, {'outputs': {}}], 'r')", "[1,null]"),
        ("currentEachOutput(outputs.t).v", "7"),
        ("fetchContext().x", "q"),
        ("yaml('a: &x [1]\nb: *x').b[0]", "1"),
        ("yaml('t: 12:30\nd: 2024-01-01\nf: .5\ny: y')", '{"t":"12:30","d":"2024-01-01","f":0.5,"y":"y"}'),
        ("fromIon('a::{b: 2024-01-01T, c: [1., 0x1F], d: \"x\\ny\"} // end').c[1]", "31"),
        ("fromIon('$ion_1_0 1 2', true)", "[1,2]"),
        ("render({'a': ['{{ x }}']}).a[0]", "q"),
        ("renderOnce('{{ y }}')", "{{ x }}"),
        ("render('{{ y }}', false)", "{{ x }}"),
        ("render('{{ y }}')", "q"),
    ],
)
def test_function(engine: Engine, expression: str, expected: str) -> None:
    context = {
        "x": "q",
        "y": "{{ x }}",
        "outputs": {"t": {"outer": {"inner": {"v": 7}}}},
        "taskrun": {"value": "inner"},
        "parents": [{"taskrun": {"value": "outer"}}],
    }
    assert engine.render("{{ " + expression + " }}", context) == expected


def test_the_range_limit_is_a_limit_error(engine: Engine) -> None:
    with pytest.raises(LimitError, match="would produce 2000001") as caught:
        engine.render("{{ range(0, 2000000) }}", {})
    assert caught.value.limit == "max_range"


def test_the_complete_list_of_functions_exists() -> None:
    names = [
        "block",
        "currentEachOutput",
        "dayOfMonth",
        "dayOfWeek",
        "decrypt",
        "encrypt",
        "env",
        "errorLogs",
        "fetchContext",
        "fileExists",
        "fileSize",
        "fileURI",
        "fromIon",
        "fromJson",
        "hourOfDay",
        "http",
        "id",
        "isDateBetween",
        "isDayWeekInMonth",
        "isFileEmpty",
        "isLastWorkingDay",
        "isPublicHoliday",
        "isWeekend",
        "json",
        "ksuid",
        "kv",
        "loopOutputs",
        "max",
        "min",
        "monthOfYear",
        "nanoId",
        "now",
        "parent",
        "printContext",
        "randomInt",
        "randomPort",
        "range",
        "read",
        "render",
        "renderOnce",
        "secret",
        "subflow",
        "tasksWithState",
        "uuid",
        "yaml",
    ]
    assert set(names) <= set(FUNCTIONS)
