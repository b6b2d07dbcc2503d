"""The types this distribution brings, and their old names (core plugins 1). A line per type, in order."""

_CORE = "io.kestra.plugin.core."
_HERE = "segue.plugins.core."
_KESTRA = "io.kestra.plugin.kestra."
_OLD = "io.kestra.core.tasks."
_FS = "io.kestra.plugin.fs."
_SCRIPTS = "io.kestra.plugin.scripts."
_SCRIPTS_HERE = "segue.plugins.scripts."

TYPES = {
    _CORE + "debug.Echo": _HERE + "debug:Echo",
    _CORE + "debug.Return": _HERE + "debug:Return",
    _CORE + "execution.Assert": _HERE + "execution:Assert",
    _CORE + "execution.Count": _HERE + "execution:Count",
    _CORE + "execution.Fail": _HERE + "execution:Fail",
    _CORE + "execution.PurgeExecutions": _HERE + "purging:PurgeExecutions",
    _CORE + "flow.ForEachItem$ForEachItemMergeOutputs": _HERE + "for_each_item:Merge",
    _CORE + "flow.ForEachItem$ForEachItemSplit": _HERE + "for_each_item:Split",
    _CORE + "flow.PurgeFlows": _HERE + "purging_versions:PurgeFlows",
    _CORE + "flow.Sleep": _HERE + "flow:Sleep",
    _CORE + "http.Download": _HERE + "http.download:Download",
    _CORE + "http.Request": _HERE + "http.request:Request",
    _CORE + "http.SseRequest": _HERE + "http.sse:SseRequest",
    _CORE + "kv.Delete": _HERE + "kv:Delete",
    _CORE + "kv.Get": _HERE + "kv:Get",
    _CORE + "kv.GetKeys": _HERE + "kv:GetKeys",
    _CORE + "kv.PurgeKV": _HERE + "purging_versions:PurgeKV",
    _CORE + "kv.Set": _HERE + "kv:Set",
    _CORE + "log.Fetch": _HERE + "log:Fetch",
    _CORE + "log.Log": _HERE + "log:Log",
    _CORE + "log.PurgeLogs": _HERE + "purging:PurgeLogs",
    _CORE + "metric.Publish": _HERE + "metric:Publish",
    _CORE + "namespace.DeleteFiles": _HERE + "namespace:DeleteFiles",
    _CORE + "namespace.DownloadFiles": _HERE + "namespace:DownloadFiles",
    _CORE + "namespace.PurgeFiles": _HERE + "purging_versions:PurgeFiles",
    _CORE + "namespace.UploadFiles": _HERE + "namespace:UploadFiles",
    _CORE + "output.OutputValues": _HERE + "output:OutputValues",
    _CORE + "runner.Process": _HERE + "runner:Process",
    _CORE + "state.Delete": _HERE + "state:Delete",
    _CORE + "state.Get": _HERE + "state:Get",
    _CORE + "state.Set": _HERE + "state:Set",
    _CORE + "storage.Concat": _HERE + "storage:Concat",
    _CORE + "storage.DeduplicateItems": _HERE + "storage_records:DeduplicateItems",
    _CORE + "storage.Delete": _HERE + "storage:Delete",
    _CORE + "storage.FilterItems": _HERE + "storage_records:FilterItems",
    _CORE + "storage.LocalFiles": _HERE + "storage:LocalFiles",
    _CORE + "storage.PurgeCurrentExecutionFiles": _HERE + "purging:PurgeCurrentExecutionFiles",
    _CORE + "storage.PurgeStorage": _HERE + "purging:PurgeStorage",
    _CORE + "storage.Reverse": _HERE + "storage:Reverse",
    _CORE + "storage.Size": _HERE + "storage:Size",
    _CORE + "storage.Split": _HERE + "storage:Split",
    _CORE + "storage.Write": _HERE + "storage:Write",
    _CORE + "templating.TemplatedTask": _HERE + "templating:TemplatedTask",
    _KESTRA + "executions.Count": "segue.plugins.kestra.executions:Count",
    _KESTRA + "executions.Query": "segue.plugins.kestra.executions:Query",
    _SCRIPTS + "bun.Commands": _SCRIPTS_HERE + "bun:Commands",
    _SCRIPTS + "bun.Script": _SCRIPTS_HERE + "bun:Script",
    _SCRIPTS + "deno.Commands": _SCRIPTS_HERE + "deno:Commands",
    _SCRIPTS + "deno.Script": _SCRIPTS_HERE + "deno:Script",
    _SCRIPTS + "dotnet.Commands": _SCRIPTS_HERE + "dotnet:Commands",
    _SCRIPTS + "dotnet.Script": _SCRIPTS_HERE + "dotnet:Script",
    _SCRIPTS + "go.Commands": _SCRIPTS_HERE + "go:Commands",
    _SCRIPTS + "go.Script": _SCRIPTS_HERE + "go:Script",
    _SCRIPTS + "groovy.Commands": _SCRIPTS_HERE + "groovy:Commands",
    _SCRIPTS + "groovy.Script": _SCRIPTS_HERE + "groovy:Script",
    _SCRIPTS + "jbang.Commands": _SCRIPTS_HERE + "jbang:Commands",
    _SCRIPTS + "jbang.Script": _SCRIPTS_HERE + "jbang:Script",
    _SCRIPTS + "julia.Commands": _SCRIPTS_HERE + "julia:Commands",
    _SCRIPTS + "julia.Script": _SCRIPTS_HERE + "julia:Script",
    _SCRIPTS + "lua.Commands": _SCRIPTS_HERE + "lua:Commands",
    _SCRIPTS + "lua.Script": _SCRIPTS_HERE + "lua:Script",
    _SCRIPTS + "node.Commands": _SCRIPTS_HERE + "node:Commands",
    _SCRIPTS + "node.Script": _SCRIPTS_HERE + "node:Script",
    _SCRIPTS + "perl.Commands": _SCRIPTS_HERE + "perl:Commands",
    _SCRIPTS + "perl.Script": _SCRIPTS_HERE + "perl:Script",
    _SCRIPTS + "php.Commands": _SCRIPTS_HERE + "php:Commands",
    _SCRIPTS + "php.Script": _SCRIPTS_HERE + "php:Script",
    _SCRIPTS + "powershell.Commands": _SCRIPTS_HERE + "powershell:Commands",
    _SCRIPTS + "powershell.Script": _SCRIPTS_HERE + "powershell:Script",
    _SCRIPTS + "python.Commands": _SCRIPTS_HERE + "python.tasks:Commands",
    _SCRIPTS + "python.Script": _SCRIPTS_HERE + "python.tasks:Script",
    _SCRIPTS + "r.Commands": _SCRIPTS_HERE + "r:Commands",
    _SCRIPTS + "r.Script": _SCRIPTS_HERE + "r:Script",
    _SCRIPTS + "ruby.Commands": _SCRIPTS_HERE + "ruby:Commands",
    _SCRIPTS + "ruby.Script": _SCRIPTS_HERE + "ruby:Script",
    _SCRIPTS + "shell.Commands": _SCRIPTS_HERE + "shell:Commands",
    _SCRIPTS + "shell.Script": _SCRIPTS_HERE + "shell:Script",
}
"""Where the class of each type is: `module:Class`, imported when a flow first names the type."""

ALIASES = {
    _CORE + "storage.Purge": _CORE + "execution.PurgeExecutions",
    _CORE + "storage.PurgeExecution": _CORE + "storage.PurgeCurrentExecutionFiles",
    _FS + "http.Download": _CORE + "http.Download",
    _FS + "http.Request": _CORE + "http.Request",
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
    _OLD + "storages.Purge": _CORE + "execution.PurgeExecutions",
    _OLD + "storages.PurgeExecution": _CORE + "storage.PurgeCurrentExecutionFiles",
    _OLD + "storages.Reverse": _CORE + "storage.Reverse",
    _OLD + "storages.Size": _CORE + "storage.Size",
    _OLD + "storages.Split": _CORE + "storage.Split",
    _OLD + "templating.TemplatedTask": _CORE + "templating.TemplatedTask",
}
"""Old names and the types they stand for."""

_IN_A_JVM = "runs code inside a Java virtual machine, which is not there: use a Script task of the language"
REFUSED = {
    f"{_SCRIPTS}{language}.{name}": f"{name} of {language} {_IN_A_JVM}"
    for language in ("groovy", "jython", "nashorn")
    for name in ("Eval", "FileTransform")
}
"""Types that will not be there, and why (core plugins 17.7)."""
