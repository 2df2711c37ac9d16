"""Layouts of the responses of shops' APIs, with objects and lists as fields; see ``moemoe.catalog.layouts``."""
