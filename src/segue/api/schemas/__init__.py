"""The objects of the API where they differ from those of the domain (REST API 6). Absent means absent:
fields without a value are left out, never null."""
