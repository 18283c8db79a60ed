"""What everything else speaks: charges, spans, queries, settings, errors. Knows no cloud and no engine."""
