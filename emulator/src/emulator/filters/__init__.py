"""The filters of Google's list methods: read by `parser`, fulfilled or not by its `conditions`.

Cloud Logging's query language and the filters of Vertex AI's lists (https://google.aip.dev/160) are read by
the same parser.
"""
