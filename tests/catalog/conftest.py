import pytest

from moemoe.catalog.url_images import UrlImages
from tests.support.image_server import image_server


@pytest.fixture
def server():
    with image_server() as server:
        yield server


@pytest.fixture
def images(tmp_path) -> UrlImages:
    return UrlImages.under(str(tmp_path))
