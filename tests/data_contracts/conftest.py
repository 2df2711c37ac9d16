import pytest

from moemoe.contract.load import load_contract
from tests.support.small_catalog import CONTRACT


@pytest.fixture
def contract(tmp_path):
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    return load_contract(tmp_path / "contract.yaml")
