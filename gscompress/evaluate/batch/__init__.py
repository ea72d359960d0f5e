"""Batch evaluation: scenes x codecs x operating points to a folder of results, one JSON file a cell."""
