"""The types this distribution brings, and their old names (core plugins 1). A line per type, in order."""

_CORE = "io.kestra.plugin.core."
_HERE = "segue.plugins.core."
_KESTRA = "io.kestra.plugin.kestra."
_OLD = "io.kestra.core.tasks."

TYPES = {
    _CORE + "debug.Echo": _HERE + "debug:Echo",
    _CORE + "debug.Return": _HERE + "debug:Return",
    _CORE + "execution.Assert": _HERE + "execution:Assert",
    _CORE + "execution.Count": _HERE + "execution:Count",
    _CORE + "execution.Fail": _HERE + "execution:Fail",
    _CORE + "flow.ForEachItem$ForEachItemMergeOutputs": _HERE + "for_each_item:Merge",
    _CORE + "flow.ForEachItem$ForEachItemSplit": _HERE + "for_each_item:Split",
    _CORE + "flow.Sleep": _HERE + "flow:Sleep",
    _CORE + "kv.Delete": _HERE + "kv:Delete",
    _CORE + "kv.Get": _HERE + "kv:Get",
    _CORE + "kv.GetKeys": _HERE + "kv:GetKeys",
    _CORE + "kv.Set": _HERE + "kv:Set",
    _CORE + "log.Fetch": _HERE + "log:Fetch",
    _CORE + "log.Log": _HERE + "log:Log",
    _CORE + "metric.Publish": _HERE + "metric:Publish",
    _CORE + "namespace.DeleteFiles": _HERE + "namespace:DeleteFiles",
    _CORE + "namespace.DownloadFiles": _HERE + "namespace:DownloadFiles",
    _CORE + "namespace.UploadFiles": _HERE + "namespace:UploadFiles",
    _CORE + "output.OutputValues": _HERE + "output:OutputValues",
    _CORE + "state.Delete": _HERE + "state:Delete",
    _CORE + "state.Get": _HERE + "state:Get",
    _CORE + "state.Set": _HERE + "state:Set",
    _CORE + "storage.Concat": _HERE + "storage:Concat",
    _CORE + "storage.DeduplicateItems": _HERE + "storage_records:DeduplicateItems",
    _CORE + "storage.Delete": _HERE + "storage:Delete",
    _CORE + "storage.FilterItems": _HERE + "storage_records:FilterItems",
    _CORE + "storage.LocalFiles": _HERE + "storage:LocalFiles",
    _CORE + "storage.Reverse": _HERE + "storage:Reverse",
    _CORE + "storage.Size": _HERE + "storage:Size",
    _CORE + "storage.Split": _HERE + "storage:Split",
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
    _OLD + "states.Delete": _CORE + "state.Delete",
    _OLD + "states.Get": _CORE + "state.Get",
    _OLD + "states.Set": _CORE + "state.Set",
    _OLD + "storages.Concat": _CORE + "storage.Concat",
    _OLD + "storages.DeduplicateItems": _CORE + "storage.DeduplicateItems",
    _OLD + "storages.Delete": _CORE + "storage.Delete",
    _OLD + "storages.FilterItems": _CORE + "storage.FilterItems",
    _OLD + "storages.LocalFiles": _CORE + "storage.LocalFiles",
    _OLD + "storages.Reverse": _CORE + "storage.Reverse",
    _OLD + "storages.Size": _CORE + "storage.Size",
    _OLD + "storages.Split": _CORE + "storage.Split",
    _OLD + "templating.TemplatedTask": _CORE + "templating.TemplatedTask",
}
"""Old names and the types they stand for."""
