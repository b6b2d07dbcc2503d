"""The types this distribution brings, and their old names (core plugins 1). A line per type, in order."""

_CORE = "io.kestra.plugin.core."
_HERE = "segue.plugins.core."
_KESTRA = "io.kestra.plugin.kestra."
_OLD = "io.kestra.core.tasks."

TYPES = {
    _CORE + "debug.Echo": _HERE + "debug:Echo",
    _CORE + "debug.Return": _HERE + "debug:Return",
    _CORE + "execution.Count": _HERE + "execution:Count",
    _CORE + "execution.Fail": _HERE + "execution:Fail",
    _CORE + "execution.Assert": _HERE + "execution:Assert",
    _CORE + "execution.PurgeExecutions": _HERE + "purging:PurgeExecutions",
    _CORE + "flow.ForEachItem$ForEachItemMergeOutputs": _HERE + "for_each_item:Merge",
    _CORE + "flow.ForEachItem$ForEachItemSplit": _HERE + "for_each_item:Split",
    _CORE + "flow.PurgeFlows": _HERE + "purging_versions:PurgeFlows",
    _CORE + "flow.Sleep": _HERE + "flow:Sleep",
    _CORE + "kv.Delete": _HERE + "kv:Delete",
    _CORE + "kv.Get": _HERE + "kv:Get",
    _CORE + "kv.GetKeys": _HERE + "kv:GetKeys",
    _CORE + "kv.PurgeKV": _HERE + "purging_versions:PurgeKV",
    _CORE + "kv.Set": _HERE + "kv:Set",
    _CORE + "log.Fetch": _HERE + "log:Fetch",
    _CORE + "log.Log": _HERE + "log:Log",
    _CORE + "log.PurgeLogs": _HERE + "purging:PurgeLogs",
    _CORE + "namespace.PurgeFiles": _HERE + "purging_versions:PurgeFiles",
    _CORE + "output.OutputValues": _HERE + "output:OutputValues",
    _CORE + "storage.LocalFiles": _HERE + "storage:LocalFiles",
    _CORE + "storage.PurgeCurrentExecutionFiles": _HERE + "purging:PurgeCurrentExecutionFiles",
    _CORE + "storage.PurgeStorage": _HERE + "purging:PurgeStorage",
    _CORE + "storage.Size": _HERE + "storage:Size",
    _CORE + "storage.Write": _HERE + "storage:Write",
    _CORE + "templating.TemplatedTask": _HERE + "templating:TemplatedTask",
    _KESTRA + "executions.Count": "segue.plugins.kestra.executions:Count",
    _KESTRA + "executions.Query": "segue.plugins.kestra.executions:Query",
}
"""Where the class of each type is: `module:Class`, imported when a flow first names the type."""

ALIASES = {
    _OLD + "debugs.Echo": _CORE + "debug.Echo",
    _OLD + "debugs.Return": _CORE + "debug.Return",
    _OLD + "executions.Counts": _CORE + "execution.Count",
    _OLD + "executions.Fail": _CORE + "execution.Fail",
    _OLD + "log.Fetch": _CORE + "log.Fetch",
    _OLD + "log.Log": _CORE + "log.Log",
    _OLD + "storages.LocalFiles": _CORE + "storage.LocalFiles",
    _OLD + "storages.Purge": _CORE + "execution.PurgeExecutions",
    _OLD + "storages.PurgeExecution": _CORE + "storage.PurgeCurrentExecutionFiles",
    _OLD + "storages.Size": _CORE + "storage.Size",
    _CORE + "storage.Purge": _CORE + "execution.PurgeExecutions",
    _CORE + "storage.PurgeExecution": _CORE + "storage.PurgeCurrentExecutionFiles",
    _OLD + "templating.TemplatedTask": _CORE + "templating.TemplatedTask",
}
"""Old names and the types they stand for."""
