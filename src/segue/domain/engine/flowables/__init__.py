"""One class for each task that steers (flow language 7), and the table that finds it."""

from typing import Any

from segue.domain.engine.flowables.approval import ApprovalRun
from segue.domain.engine.flowables.base import EngineRun, FlowableRun
from segue.domain.engine.flowables.choice import IfRun, SwitchRun
from segue.domain.engine.flowables.each import EachParallelRun, EachSequentialRun, ForEachRun
from segue.domain.engine.flowables.each_item import ForEachItemCallsRun, ForEachItemRun
from segue.domain.engine.flowables.loop import LoopRun
from segue.domain.engine.flowables.loop_until import LoopUntilRun
from segue.domain.engine.flowables.parallel import DagRun, ParallelRun
from segue.domain.engine.flowables.pause import PauseRun
from segue.domain.engine.flowables.sequential import AllowFailureRun, SequentialRun
from segue.domain.engine.flowables.steering import (
    ExitRun,
    LabelsRun,
    ResumeRun,
    SetVariablesRun,
    TemplateRun,
    UnsetVariablesRun,
)
from segue.domain.engine.flowables.subflow import SubflowRun
from segue.domain.engine.flowables.working_directory import WorkingDirectoryRun
from segue.domain.flow import flowables as model
from segue.domain.flow import steering
from segue.domain.flow.tasks import Task

__all__ = ["BEHAVIOURS", "EngineRun", "FlowableRun"]

BEHAVIOURS: dict[type[Task], type[EngineRun[Any]]] = {
    model.AllowFailure: AllowFailureRun,
    model.Approval: ApprovalRun,
    model.Dag: DagRun,
    model.EachParallel: EachParallelRun,
    model.EachSequential: EachSequentialRun,
    model.ForEach: ForEachRun,
    model.ForEachItem: ForEachItemRun,
    model.ForEachItemCalls: ForEachItemCallsRun,
    model.If: IfRun,
    model.Loop: LoopRun,
    model.LoopUntil: LoopUntilRun,
    model.Parallel: ParallelRun,
    model.Pause: PauseRun,
    model.Sequential: SequentialRun,
    model.Subflow: SubflowRun,
    model.Switch: SwitchRun,
    model.Template: TemplateRun,
    model.WorkingDirectory: WorkingDirectoryRun,
    steering.Exit: ExitRun,
    steering.Labels: LabelsRun,
    steering.Resume: ResumeRun,
    steering.SetVariables: SetVariablesRun,
    steering.UnsetVariables: UnsetVariablesRun,
}
"""Behaviour by model. What is neither here nor runnable can be written but not run yet."""
