"""What a GPU is worth to this project, part by part; ``python -m tests.benchmarks.gpu --help``."""
