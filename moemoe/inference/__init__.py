"""Model + shards -> predictions. Evaluation, backfill and the served model all call this package."""
