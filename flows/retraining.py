"""Steps that a run skips if its data hold nothing new since the champion's."""

from metaflow import user_step_decorator


@user_step_decorator
def unless_stopped_early(step_name, flow, inputs):
    """Skips a step if the run has nothing new to train on.

    A switch in the flow's graph would not run on Step Functions.
    """
    if flow.stopped_early:
        yield {}
    else:
        yield
