"""The types this distribution brings, and their old names (core plugins 1). A line per type, in order."""

_CORE = "io.kestra.plugin.core."
_HERE = "segue.plugins.core."
_OLD = "io.kestra.core.tasks."
_SCRIPTS = "io.kestra.plugin.scripts."
_SCRIPTS_HERE = "segue.plugins.scripts."

TYPES = {
    _CORE + "debug.Echo": _HERE + "debug:Echo",
    _CORE + "debug.Return": _HERE + "debug:Return",
    _CORE + "execution.Fail": _HERE + "execution:Fail",
    _CORE + "execution.Assert": _HERE + "execution:Assert",
    _CORE + "flow.ForEachItem$ForEachItemMergeOutputs": _HERE + "for_each_item:Merge",
    _CORE + "flow.ForEachItem$ForEachItemSplit": _HERE + "for_each_item:Split",
    _CORE + "flow.Sleep": _HERE + "flow:Sleep",
    _CORE + "kv.Delete": _HERE + "kv:Delete",
    _CORE + "kv.Get": _HERE + "kv:Get",
    _CORE + "kv.GetKeys": _HERE + "kv:GetKeys",
    _CORE + "kv.Set": _HERE + "kv:Set",
    _CORE + "log.Fetch": _HERE + "log:Fetch",
    _CORE + "log.Log": _HERE + "log:Log",
    _CORE + "output.OutputValues": _HERE + "output:OutputValues",
    _CORE + "runner.Process": _HERE + "runner:Process",
    _CORE + "storage.LocalFiles": _HERE + "storage:LocalFiles",
    _CORE + "storage.Size": _HERE + "storage:Size",
    _CORE + "storage.Write": _HERE + "storage:Write",
    _CORE + "templating.TemplatedTask": _HERE + "templating:TemplatedTask",
    _SCRIPTS + "python.Commands": _SCRIPTS_HERE + "python.tasks:Commands",
    _SCRIPTS + "python.Script": _SCRIPTS_HERE + "python.tasks:Script",
    _SCRIPTS + "shell.Commands": _SCRIPTS_HERE + "shell:Commands",
    _SCRIPTS + "shell.Script": _SCRIPTS_HERE + "shell:Script",
}
"""Where the class of each type is: `module:Class`, imported when a flow first names the type."""

ALIASES = {
    _OLD + "debugs.Echo": _CORE + "debug.Echo",
    _OLD + "debugs.Return": _CORE + "debug.Return",
    _OLD + "executions.Fail": _CORE + "execution.Fail",
    _OLD + "log.Fetch": _CORE + "log.Fetch",
    _OLD + "log.Log": _CORE + "log.Log",
    _OLD + "storages.LocalFiles": _CORE + "storage.LocalFiles",
    _OLD + "storages.Size": _CORE + "storage.Size",
    _OLD + "templating.TemplatedTask": _CORE + "templating.TemplatedTask",
}
"""Old names and the types they stand for."""
