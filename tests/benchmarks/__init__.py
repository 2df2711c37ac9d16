import moemoe.model  # noqa: F401 - mends a torchvision without operators, before transformers looks for it
