"""Flows with the task runs they must have in the end (flow language 9.7 and the rules it points to)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_CORE = "io.kestra.plugin.core"
_SHORT = {
    "$LOG": f"type: {_CORE}.log.Log, message: m",
    "$SAY": f"type: {_CORE}.log.Log, message",
    "$FAIL": f"type: {_CORE}.execution.Fail",
    "$RETURN": f"type: {_CORE}.debug.Return, format",
    "$VALUES": f"type: {_CORE}.output.OutputValues, values",
    "$DIRECTORY": f"type: {_CORE}.flow.WorkingDirectory",
    "$FILES": f"type: {_CORE}.storage.LocalFiles",
    "$SLEEP": f"type: {_CORE}.flow.Sleep, duration",
    "$SEQ": f"type: {_CORE}.flow.Sequential",
    "$PARALLEL": f"type: {_CORE}.flow.Parallel",
    "$IF": f"type: {_CORE}.flow.If, condition",
    "$SWITCH": f"type: {_CORE}.flow.Switch, value",
    "$EACH": f"type: {_CORE}.flow.ForEach, values",
}

NAMESPACE = "tests.scenarios"


@dataclass(frozen=True)
class Scenario:
    """A flow and its end. `runs`: `task:STATE` of each task run, in any order; `says`: all messages of the
    log, in order; `attempts`: how many a task made; `history`: states of the execution, in order."""

    name: str
    body: str
    state: str
    runs: str
    attempts: Mapping[str, int] = field(default_factory=dict)
    outputs: Mapping[str, Any] | None = None
    says: tuple[str, ...] | None = None
    history: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def flow_id(self) -> str:
        """The name as a flow's id."""
        return self.name.replace(" ", "-")

    @property
    def source(self) -> str:
        """The flow's YAML."""
        text = self.body
        for short, long in _SHORT.items():
            text = text.replace(short, long)
        return f"id: {self.flow_id}\nnamespace: {NAMESPACE}\n{text}\n"

    @property
    def expected_runs(self) -> list[tuple[str, str]]:
        """`runs` as sorted pairs."""
        return sorted((task, state) for task, _, state in (part.partition(":") for part in self.runs.split()))


SCENARIOS = (
    Scenario(
        "one after the other",
        "tasks: [{id: a, $SAY: one}, {id: b, $SAY: two}, {id: c, $SAY: [three, four]}]",
        "SUCCESS",
        "a:SUCCESS b:SUCCESS c:SUCCESS",
        says=("one", "two", "three", "four"),
        history="CREATED RUNNING SUCCESS",
    ),
    Scenario(
        "a failure ends the sequence",
        "tasks: [{id: a, $LOG}, {id: b, $FAIL}, {id: c, $LOG}]",
        "FAILED",
        "a:SUCCESS b:FAILED",
    ),
    Scenario(
        "errors run after a failure",
        "tasks: [{id: a, $LOG}, {id: b, $FAIL}, {id: c, $LOG}]\nerrors: [{id: e1, $LOG}, {id: e2, $LOG}]",
        "FAILED",
        "a:SUCCESS b:FAILED e1:SUCCESS e2:SUCCESS",
    ),
    Scenario(
        "finally runs after errors",
        "tasks: [{id: a, $SAY: a}, {id: b, $FAIL, errorMessage: b}]\n"
        "errors: [{id: e, $SAY: e}]\nfinally: [{id: f, $SAY: f}]",
        "FAILED",
        "a:SUCCESS b:FAILED e:SUCCESS f:SUCCESS",
    ),
    Scenario(
        "finally runs after a success",
        "tasks: [{id: a, $LOG}]\nerrors: [{id: e, $LOG}]\nfinally: [{id: f, $SAY: '{{ execution.state }}'}]",
        "SUCCESS",
        "a:SUCCESS f:SUCCESS",
        says=("m", "RUNNING"),
    ),
    Scenario(
        "nested failure reaches the flow",
        "tasks: [{id: p, $SEQ, tasks: [{id: t1, $LOG}, {id: q, $SEQ, tasks: "
        "[{id: x, $FAIL}, {id: y, $LOG}, {id: z, $LOG}]}]}]\nerrors: [{id: e1, $LOG}, {id: e2, $LOG}]",
        "FAILED",
        "p:FAILED t1:SUCCESS q:FAILED x:FAILED e1:SUCCESS e2:SUCCESS",
    ),
    Scenario(
        "local errors first then those of the flow",
        "tasks: [{id: p, $SEQ, tasks: [{id: t1, $LOG}, {id: q, $SEQ, tasks: [{id: x, $FAIL}, {id: y, $LOG}],"
        " errors: [{id: e1, $SAY: e1}, {id: e2, $SAY: e2}]}]}]\nerrors: [{id: g, $SAY: g}]",
        "FAILED",
        "p:FAILED t1:SUCCESS q:FAILED x:FAILED e1:SUCCESS e2:SUCCESS g:SUCCESS",
    ),
    Scenario(
        "allowFailure after three attempts",
        "tasks: [{id: ko, $FAIL, allowFailure: true, retry: {type: constant, interval: PT0.2S, maxAttempts: 3}},"
        " {id: last, $LOG}]",
        "WARNING",
        "ko:WARNING last:SUCCESS",
        attempts={"ko": 3, "last": 1},
    ),
    Scenario(
        "allowFailure and allowWarning",
        "tasks: [{id: ko, $FAIL, allowFailure: true, allowWarning: true}, {id: last, $LOG}]",
        "SUCCESS",
        "ko:SUCCESS last:SUCCESS",
    ),
    Scenario(
        "allowFailure of a group",
        "tasks: [{id: s, $SEQ, allowFailure: true, tasks: [{id: x, $FAIL}]}, {id: last, $LOG}]",
        "WARNING",
        "s:WARNING x:FAILED last:SUCCESS",
    ),
    Scenario(
        "when is false",
        "tasks: [{id: a, $LOG}, {id: b, $LOG, when: '{{ false }}'}, {id: c, $LOG}]",
        "SUCCESS",
        "a:SUCCESS b:SKIPPED c:SUCCESS",
    ),
    Scenario(
        "when cannot be rendered",
        "tasks: [{id: a, $LOG, when: '{{ nothing.at.all }}'}, {id: b, $LOG}]",
        "FAILED",
        "a:FAILED",
    ),
    Scenario(
        "retry until exhausted",
        "tasks: [{id: ko, $FAIL, retry: {type: constant, interval: PT0.2S, maxAttempts: 4}}]",
        "FAILED",
        "ko:FAILED",
        attempts={"ko": 4},
        history="CREATED RUNNING RETRYING RUNNING RETRYING RUNNING RETRYING RUNNING FAILED",
    ),
    Scenario(
        "retry within a duration",
        "tasks: [{id: ko, $FAIL, retry: {type: constant, interval: PT1S, maxDuration: PT3S}}]",
        "FAILED",
        "ko:FAILED",
        attempts={"ko": 3},
    ),
    Scenario(
        "success at the fourth attempt is a warning",
        "tasks: [{id: x, $FAIL, condition: '{{ taskrun.attemptsCount < 3 }}',"
        " retry: {type: exponential, interval: PT0.1S, maxInterval: PT1S, maxAttempts: 5, warningOnRetry: true}}]",
        "WARNING",
        "x:WARNING",
        attempts={"x": 4},
    ),
    Scenario(
        "retry of a group",
        "tasks: [{id: s, $SEQ, retry: {type: constant, interval: PT0.1S, maxAttempts: 3}, tasks: [{id: c, $FAIL}]}]",
        "FAILED",
        "s:FAILED c:FAILED",
        attempts={"c": 3},
    ),
    Scenario(
        "timeout",
        "tasks: [{id: slow, $SLEEP: PT30S, timeout: PT0.3S}, {id: never, $LOG}]",
        "FAILED",
        "slow:FAILED",
        attempts={"slow": 1},
    ),
    Scenario(
        "timeout and retry",
        "tasks: [{id: slow, $SLEEP: PT30S, timeout: PT0.2S,"
        " retry: {type: constant, interval: PT0.1S, maxAttempts: 2}}]",
        "FAILED",
        "slow:FAILED",
        attempts={"slow": 2},
    ),
    Scenario(
        "all tasks disabled", "tasks: [{id: a, $LOG, disabled: true}, {id: b, $FAIL, disabled: true}]", "SUCCESS", ""
    ),
    Scenario(
        "a disabled task is absent",
        "tasks: [{id: a, $LOG}, {id: b, $FAIL, disabled: true}, {id: c, $LOG}]",
        "SUCCESS",
        "a:SUCCESS c:SUCCESS",
    ),
    Scenario(
        "loop over nothing",
        "tasks: [{id: each, $EACH: [], tasks: [{id: t, $LOG}]}, {id: end, $LOG}]",
        "SUCCESS",
        "each:SUCCESS end:SUCCESS",
    ),
    Scenario(
        "loop over null",
        "tasks: [{id: each, $EACH: [a, null], tasks: [{id: t, $LOG}]}]",
        "FAILED",
        "each:FAILED",
    ),
    *(
        Scenario(
            f"loop with limit {limit}",
            f"tasks: [{{id: each, $EACH: [x, y, z], concurrencyLimit: {limit}, tasks: ["
            "{id: t, $RETURN: '{{ taskrun.value }}{{ taskrun.iteration }}'},"
            " {id: u, $RETURN: '{{ outputs.t[taskrun.value].value }}!'}]}]\n"
            "outputs: [{id: last, type: STRING, value: '{{ outputs.u.z.value }}'}]",
            "SUCCESS",
            "each:SUCCESS t:SUCCESS t:SUCCESS t:SUCCESS u:SUCCESS u:SUCCESS u:SUCCESS",
            outputs={"last": "z2!"},
        )
        for limit in (1, 2, 0)
    ),
    Scenario(
        "loop in a loop",
        "tasks: [{id: outer, $EACH: [a, b], tasks: [{id: inner, $EACH: [1, 2], tasks: "
        "[{id: t, $RETURN: '{{ parent.taskrun.value }}-{{ taskrun.value }}'}]}]}]\n"
        "outputs: [{id: o, type: STRING, value: \"{{ outputs.t.a['1'].value }} {{ outputs.t.b['2'].value }}\"}]",
        "SUCCESS",
        "outer:SUCCESS inner:SUCCESS inner:SUCCESS t:SUCCESS t:SUCCESS t:SUCCESS t:SUCCESS",
        outputs={"o": "a-1 b-2"},
    ),
    Scenario(
        "a failure ends the loop",
        "tasks: [{id: each, $EACH: [a, b, c], tasks: [{id: t, $FAIL, condition: \"{{ taskrun.value == 'b' }}\"}]}]",
        "FAILED",
        "each:FAILED t:SUCCESS t:FAILED",
    ),
    Scenario(
        "parallel",
        "tasks: [{id: p, $PARALLEL, tasks: [{id: a, $SLEEP: PT0.3S}, {id: b, $SLEEP: PT0.3S}, {id: c, $LOG}]},"
        " {id: end, $LOG}]",
        "SUCCESS",
        "p:SUCCESS a:SUCCESS b:SUCCESS c:SUCCESS end:SUCCESS",
    ),
    Scenario(
        "a failure ends a parallel at once and its siblings are joined later",
        "tasks: [{id: p, $PARALLEL, tasks: [{id: slow, $SLEEP: PT0.5S}, {id: x, $FAIL}]}, {id: end, $LOG}]",
        "FAILED",
        "p:FAILED slow:SUCCESS x:FAILED",
        history="CREATED RUNNING FAILED",
    ),
    Scenario(
        "if and else",
        "tasks: [{id: i, $IF: '{{ 1 > 2 }}', then: [{id: t, $LOG}], else: [{id: e, $LOG}]},"
        " {id: j, $IF: '{{ true }}', then: [{id: u, $LOG}]}, {id: k, $IF: '{{ false }}', then: [{id: v, $LOG}]}]",
        "SUCCESS",
        "i:SUCCESS e:SUCCESS j:SUCCESS u:SUCCESS k:SUCCESS",
    ),
    Scenario(
        "switch",
        "inputs: [{id: way, type: STRING}]\n"
        "tasks: [{id: s, $SWITCH: '{{ inputs.way }}', cases: {left: [{id: l, $LOG}], right: [{id: r, $LOG}]},"
        " defaults: [{id: d, $LOG}]}]\n"
        "outputs: [{id: taken, type: STRING, value: '{{ outputs.s.value }}'}]",
        "SUCCESS",
        "s:SUCCESS r:SUCCESS",
        inputs={"way": "right"},
        outputs={"taken": "right"},
    ),
    Scenario(
        "switch takes the default",
        "tasks: [{id: s, $SWITCH: up, cases: {left: [{id: l, $LOG}]}, defaults: [{id: d, $LOG}]}]",
        "SUCCESS",
        "s:SUCCESS d:SUCCESS",
    ),
    Scenario(
        "inputs and outputs",
        "inputs: [{id: n, type: INT}, {id: list, type: JSON}, {id: word, type: STRING, defaults: d}]\n"
        "variables: {v: 'x{{ inputs.word }}'}\n"
        "tasks: [{id: o, $VALUES: "
        "{n: '{{ inputs.n + 1 }}', v: '{{ render(vars.v) }}', deep: {l: ['{{ inputs.list[1] }}']}}},"
        " {id: say, $SAY: '{{ outputs.o.values.v }} {{ outputs.o.values.deep.l[0] }}'}]\n"
        "outputs: [{id: n, type: INT, value: '{{ outputs.o.values.n }}'},"
        " {id: list, type: JSON, value: '{{ inputs.list }}'}]",
        "SUCCESS",
        "o:SUCCESS say:SUCCESS",
        inputs={"n": "41", "list": "[1, 2, 3]"},
        outputs={"n": 42, "list": [1, 2, 3]},
        says=("xd 2",),
    ),
    Scenario(
        "an output that cannot be rendered",
        "tasks: [{id: a, $LOG}]\noutputs: [{id: o, type: STRING, value: '{{ outputs.nobody.value }}'}]",
        "FAILED",
        "a:SUCCESS",
    ),
    Scenario(
        "a property that cannot be rendered",
        "tasks: [{id: a, $SAY: '{{ nothing.at.all }}'}, {id: b, $LOG}]",
        "FAILED",
        "a:FAILED",
    ),
    Scenario(
        "tasks share a directory",
        "tasks: [{id: d, $DIRECTORY, inputFiles: {in.txt: '{{ flow.id }}'}, outputFiles: ['*.txt'], tasks:"
        " [{id: w, $FILES, inputs: {out.txt: '{{ workingDir is empty }}'}}, {id: no, $LOG, when: '{{ false }}'},"
        " {id: r, $FILES, outputs: ['*.txt']}, {id: e, $SAY: '{{ outputs.r.uris | keys | sort | join }}'}]},"
        " {id: a, $SAY: \"{{ read(outputs.d.outputFiles['in.txt']) }} {{ read(outputs.r.uris['out.txt']) }}\"}]",
        "SUCCESS",
        "d:SUCCESS w:SUCCESS no:SKIPPED r:SUCCESS e:SUCCESS a:SUCCESS",
        says=("in.txtout.txt", "tasks-share-a-directory false"),
    ),
    Scenario(
        "a failure in a shared directory",
        "tasks: [{id: d, $DIRECTORY, tasks: [{id: ok, $LOG}, {id: bad, $FAIL,"
        " retry: {type: constant, interval: PT0.01S, maxAttempts: 3}}, {id: never, $LOG}],"
        " errors: [{id: e, $SAY: caught}], finally: [{id: f, $LOG}]}]",
        "FAILED",
        "d:FAILED ok:SUCCESS bad:FAILED e:SUCCESS f:SUCCESS",
        attempts={"bad": 3, "d": 1},
    ),
    Scenario(
        "names from other languages",
        "tasks: [{id: a, $RETURN: 'Grüße, 世界 \U0001f30d'}, {id: b, $SAY: '{{ outputs.a.value }}'}]",
        "SUCCESS",
        "a:SUCCESS b:SUCCESS",
    ),
)
