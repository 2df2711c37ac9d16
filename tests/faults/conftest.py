"""One unbroken run that all broken ones are held against."""

import pytest

from tests.support.small_flow import Result, SmallFlow


@pytest.fixture(scope="session")
def unbroken_flow(tmp_path_factory) -> SmallFlow:
    flow = SmallFlow(tmp_path_factory.mktemp("unbroken"))
    status, said = flow.run()
    assert status == 0, said[-5000:]
    return flow


@pytest.fixture(scope="session")
def unbroken(unbroken_flow) -> Result:
    return unbroken_flow.result()
