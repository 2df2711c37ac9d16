"""Layouts of what the APIs of shops answer, whose fields are objects and lists; see ``moemoe.catalog.layouts``."""
