"""MoEMoE: question-guided dense and sparse mixture-of-experts for product attributes."""

__version__ = "0.1.0"
