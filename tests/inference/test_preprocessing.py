"""The saved description of image preprocessing, and the libraries that reading it loads."""

import json
import subprocess
import sys


def test_a_process_of_its_own_loads_timm_for_a_model_with_images_alone(tmp_path):
    """Where torchvision lacks its operators timm cannot be imported before they are declared."""
    for name, config in {"text": {}, "image": {"image": {"name": "tf_efficientnet_lite0", "size": 64}}}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config))
    code = (
        "import json, sys\nfrom moemoe.inference.preprocessing import image_preprocessing\n"
        "assert image_preprocessing('text') is None\nassert 'timm' not in sys.modules\n"
        "print(json.dumps(image_preprocessing('image')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["mean"] == [0.5] * 3
