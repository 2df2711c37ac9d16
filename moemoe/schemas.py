"""Arrow schemas of all files that packages exchange."""

import pyarrow as pa

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
#: A model's sources by name (``moemoe.sources``), in the model's order -> their weights in an answer, which sum to 1.
SOURCE_WEIGHTS = pa.map_(pa.string(), pa.float64())

#: A seller's catalog rows. ``image.path`` is relative to the catalog file, an http(s) URL or an ``s3://`` URI.
#: In a file, ``images`` lists all images or those after ``image``; ``read_batches`` gives only those after ``image``.
CATALOG = pa.schema(
    [
        ("product_id", pa.string()),
        ("marketplace", pa.string()),
        ("product_type", pa.string()),
        ("title", pa.string()),
        ("bullet_points", pa.list_(pa.string())),
        ("description", pa.string()),
        ("image", IMAGE),
        ("images", pa.list_(IMAGE)),
        ("attributes", pa.map_(pa.string(), pa.string())),
    ]
)

#: The accepted catalog rows without their image bytes: ``partition`` and ``row`` locate the image in the catalog,
#: ``image_hash`` (SHA-256, hex) is null without a usable image. ``further_image_hashes`` are those of the images after
#: it, in order, as many as the run reads; null if none of them is usable.
PRODUCTS = pa.schema(
    [
        ("product_id", pa.string()),
        ("marketplace", pa.string()),
        ("product_type", pa.string()),
        ("title", pa.string()),
        ("bullet_points", pa.list_(pa.string())),
        ("description", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("image_hash", pa.string()),
        ("further_image_hashes", pa.list_(pa.string())),
        ("partition", pa.int32()),
        ("row", pa.int64()),
    ]
)

#: The bytes of a product's images after the first, in order, null for each that cannot be used.
FURTHER_IMAGES = pa.field("further_images", pa.list_(pa.binary()))

#: Rows and images quarantined, never silently lost. ``field`` of a second image is ``image.2``, and so on.
QUARANTINE = pa.schema(
    [
        ("product_id", pa.string()),
        ("stage", pa.string()),
        ("field", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)

#: The split of each key (hash of a title or image) of products in earlier runs.
SPLIT_KEYS = pa.schema([("key", pa.string()), ("split", pa.string())])

#: Canonical labels; ``group`` and ``split`` are null until the split is made.
LABELS = pa.schema(
    [
        ("product_id", pa.string()),
        ("product_type", pa.string()),
        ("group", pa.string()),
        ("split", pa.string()),
        ("attribute", pa.string()),
        ("values", pa.list_(pa.string())),
    ]
)

#: Per attribute, the result of normalization. ``dropped`` counts labels that were missing markers; an unmapped label
#: has a ``reason`` if it is more specific than that no value or rule matches.
_UNMAPPED = pa.struct([("value", pa.string()), ("count", pa.int64()), ("reason", pa.string())])
LABEL_STATISTICS = pa.schema(
    [
        ("attribute", pa.string()),
        ("raw_values", pa.int64()),
        ("canonical_values", pa.int64()),
        ("labels", pa.int64()),
        ("dropped", pa.int64()),
        ("unmapped", pa.int64()),
        ("conflicts", pa.int64()),
        ("most_frequent_unmapped", pa.list_(_UNMAPPED)),
    ]
)

#: Raw keys that no attribute of the contract reads: the share of products of known types that have them (``fill``),
#: their most frequent values, the ``attribute`` that can map these, if one can, and a line for the contract.
UNREAD_KEYS = pa.schema(
    [
        ("key", pa.string()),
        ("products", pa.int64()),
        ("fill", pa.float64()),
        ("values", pa.list_(pa.string())),
        ("attribute", pa.string()),
        ("yaml", pa.string()),
    ]
)

#: Labels that were dropped because another label of the product contradicts them: ``rule`` is the contract's rule in
#: one line, ``reason`` its reason.
CONTRADICTIONS = pa.schema(
    [
        ("product_id", pa.string()),
        ("product_type", pa.string()),
        ("attribute", pa.string()),
        ("values", pa.list_(pa.string())),
        ("rule", pa.string()),
        ("reason", pa.string()),
    ]
)

#: Values that the rare-value filter removed.
RARE_VALUES = pa.schema([("attribute", pa.string()), ("value", pa.string()), ("labels", pa.int64())])

#: How much the labels of two runs differ, per product type and attribute. ``before`` and ``after`` count values; psi
#: (population stability index), p_value and the value that changes most, with its shares, are null if either run has
#: too few values.
DRIFT = pa.schema(
    [
        ("product_type", pa.string()),
        ("attribute", pa.string()),
        ("before", pa.int64()),
        ("after", pa.int64()),
        ("psi", pa.float64()),
        ("p_value", pa.float64()),
        ("moved_value", pa.string()),
        ("share_before", pa.float64()),
        ("share_after", pa.float64()),
        ("new_values", pa.list_(pa.string())),
        ("vanished_values", pa.list_(pa.string())),
    ]
)

#: ``tolerance``: how far a right measure may lie from a gold value (see ``correctness``); null for named values.
PREDICTIONS = pa.schema(
    [
        ("product_id", pa.string()),
        ("product_type", pa.string()),
        ("marketplace", pa.string()),
        ("group", pa.string()),
        ("attribute", pa.string()),
        ("split", pa.string()),
        ("condition", pa.string()),
        ("gold", pa.list_(pa.string())),
        ("prediction", pa.string()),
        ("confidence", pa.float64()),
        ("image_weight", pa.float64()),
        ("text_weight", pa.float64()),
        ("has_image", pa.bool_()),
        ("explicit", pa.bool_()),
        ("rare", pa.bool_()),
        ("canonical", pa.bool_()),
        ("unseen", pa.bool_()),
        ("tolerance", pa.float64()),
        ("source_weights", SOURCE_WEIGHTS),
    ]
)

#: Values of ``condition`` in the predictions. ``withheld`` replaces ``as is`` if an attribute's words were removed from
#: every text. ``title only`` shows neither bullet points nor description. The last two are unanswerable questions: an
#: attribute that the product type never has (no gold), and a product shown with neither text nor image.
AS_IS, IMAGE_BLANKED, TEXT_BLANKED, WITHHELD = "as is", "image blanked", "text blanked", "withheld"
TITLE_ONLY = "title only"
NOT_APPLICABLE, UNANSWERABLE = "not applicable", "unanswerable"
FORMER_CONDITIONS = {"picture blanked": IMAGE_BLANKED}  #: names in predictions of earlier versions -> present names

#: The results of each product type and attribute. ``validation_accepted`` counts the validation products that a
#: threshold accepts, the evidence for its promise; for guarded thresholds, one product per group.
EVALUATION = pa.schema(
    [
        ("product_type", pa.string()),
        ("attribute", pa.string()),
        ("support", pa.int64()),
        ("accuracy", pa.float64()),
        ("recall_at_90p", pa.float64()),
        ("threshold", pa.float64()),
        ("precision_at_threshold", pa.float64()),
        ("recall_at_threshold", pa.float64()),
        ("threshold_guarded", pa.float64()),
        ("precision_at_threshold_guarded", pa.float64()),
        ("recall_at_threshold_guarded", pa.float64()),
        ("validation_support", pa.int64()),
        ("validation_accepted", pa.int64()),
        ("validation_accepted_guarded", pa.int64()),
        ("guarded_status", pa.string()),
    ]
)

#: Metrics of slices of the test split's predictions, one row per metric: ``slice_by`` names what the slices differ in,
#: ``n`` counts predictions, ``cells`` the product type x attribute cells; low and high bound the 95 % interval.
SLICES = pa.schema(
    [
        ("slice_by", pa.string()),
        ("slice", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n", pa.int64()),
        ("cells", pa.int64()),
    ]
)

#: How an expert layer's router distributes tokens: the ``share`` whose top-ranked expert is ``expert``, among the
#: ``tokens`` of one product type, or of the questions of one attribute (see ``by``; ``all`` for all tokens).
ROUTING = pa.schema(
    [
        ("layer", pa.string()),
        ("by", pa.string()),
        ("name", pa.string()),
        ("expert", pa.int64()),
        ("share", pa.float64()),
        ("tokens", pa.int64()),
    ]
)

#: A backfill's result for a product's attribute. ``raw_label`` is the catalog's own text, null if it has none;
#: ``model_version`` is NAME/VERSION. ``attribute_id`` and ``value_id`` are the contract's ids of attribute and
#: prediction, null if it has none.
BACKFILL = pa.schema(
    [
        ("product_id", pa.string()),
        ("product_type", pa.string()),
        ("attribute", pa.string()),
        ("raw_label", pa.string()),
        ("prediction", pa.string()),
        ("confidence", pa.float64()),
        ("decision", pa.string()),
        ("image_weight", pa.float64()),
        ("text_weight", pa.float64()),
        ("model_version", pa.string()),
        ("attribute_id", pa.string()),
        ("value_id", pa.string()),
        ("source_weights", SOURCE_WEIGHTS),
    ]
)

#: Values of ``decision``: below its threshold the model abstains; above it, an answer fills in a missing value, agrees
#: with an existing label, or contradicts it.
FILLED, ABSTAINED, AGREES, CONTRADICTS = "filled", "abstained", "agrees", "contradicts"

#: Rows of a backfill for people to judge: ``text`` is what the model read, ``image`` a small JPEG or null, ``place``
#: the row's position in a random order of its product type, attribute and decision.
AUDIT_CANDIDATES = (
    BACKFILL.append(pa.field("title", pa.string()))
    .append(pa.field("text", pa.string()))
    .append(pa.field("image", pa.binary()))
    .append(pa.field("place", pa.int64()))
)

#: A sample, for people to judge, of the filled-in values or of the labels that accepted predictions contradict.
#: ``filled`` is the number of such rows of the product type and attribute; ``verdict`` says whether the prediction is
#: right, wrong or unclear, and is empty until somebody has judged it.
AUDIT = AUDIT_CANDIDATES.append(pa.field("filled", pa.int64())).append(pa.field("verdict", pa.string()))

RIGHT, WRONG, UNCLEAR = "right", "wrong", "unclear"
