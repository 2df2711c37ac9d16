"""Steps that a run skips if its data hold nothing new since the champion's."""

from metaflow import user_step_decorator


@user_step_decorator
def unless_stopped_early(step_name, flow, inputs):
    """Skips a step where the run has nothing to train on.

    No switch in the flow's graph, which Step Functions does not have.
    """
    if flow.stopped_early:
        yield {}
    else:
        yield
