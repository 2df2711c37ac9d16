"""filter: drops rare values (appendix B)."""

from moemoe.labels.label_parts import FrequentParts, filter_parts
from stages.workspace import Workspace


def filter_rare_values(space: Workspace) -> FrequentParts:
    """Writes the labels without rare values, and the table of the removed values."""
    folder = space.folder
    frequent = filter_parts(folder.part_uris(folder.all_labels), space.contract, folder.frequent_labels.uri)
    folder.rare_values.write(frequent.removed)
    return frequent
