"""One branch of several (flow language 7.6, 7.7)."""

from segue.domain.engine.flowables.base import FlowableRun
from segue.domain.engine.rendering import outputs_of
from segue.domain.errors import SegueError
from segue.domain.flow.flowables import If, Switch
from segue.expr import is_truthy


class IfRun(FlowableRun[If]):
    """``then`` or ``else``, decided once when the task run begins."""

    def begin(self) -> None:
        """Evaluate the condition and keep the answer."""
        answer = is_truthy(self.progress.render(self.task.condition, self.run))
        self.remember({"evaluationResult": answer})

    def main(self) -> bool:
        """The tasks of the branch that was chosen."""
        chosen = outputs_of(self.progress.state, self.run)["evaluationResult"]
        return self.sequence(self.section("then" if chosen else "else"))


class SwitchRun(FlowableRun[Switch]):
    """The case whose key is the rendered value, or ``defaults``."""

    def begin(self) -> None:
        """Render the value and keep it."""
        value = self.progress.render(self.task.value, self.run)
        self.remember({"value": value, "defaults": value not in self.task.cases})

    def main(self) -> bool:
        """The tasks of the branch that was chosen."""
        chosen = outputs_of(self.progress.state, self.run)
        if chosen["defaults"] and not self.task.defaults:
            raise SegueError(f"No case of the Switch is called {chosen['value'][:200]!r}, and it has no 'defaults'")
        section = "defaults" if chosen["defaults"] else f"cases.{chosen['value']}"
        return self.sequence(self.section(section))
