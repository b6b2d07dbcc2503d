"""What is set about plugins: values for their properties wherever a flow leaves them open (flow language 2.12)."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from segue.config.values import Folders


class PluginDefault(BaseModel):
    """Values for all plugins whose type is ``type`` or starts with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(min_length=1)
    values: dict[str, Any] = Field(min_length=1)
    forced: bool = False


class PluginConfiguration(BaseModel):
    """Settings of a type in the original: those that are properties of tasks or triggers have an effect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(min_length=1)
    values: dict[str, Any] = Field(default_factory=dict)


class PluginsSection(BaseModel):
    """Plugins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: Folders = Field(
        default=(),
        description="Folders with more plugins: distributions, as `pip install --target` puts them there, and modules. "
        "Servers and workers need the same.",
    )
    defaults: tuple[PluginDefault, ...] = Field(
        default=(),
        description="List of `type` (or its beginning), `values`, `forced`: properties for every flow.",
    )
    configurations: tuple[PluginConfiguration, ...] = Field(
        default=(),
        description="List of `type` and `values`, as the original has it: `recoverMissedSchedules` of Schedule, "
        "`volume-enabled` of the Docker task runner and properties of every task, such as `retry`, are used.",
    )


class TasksSection(BaseModel):
    """The old place of plugin defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    defaults: tuple[PluginDefault, ...] = Field(default=(), description="Old name of `plugins.defaults`.")
