"""Looks into files from outside; each library is imported with the first file that needs it."""

from cloud.service.uploads import PDF, Fault, Inspected, Limits


class FileInspector:
    """`cloud.service.uploads.Inspector` by Pillow and pypdf.

    They take longer to import than all that most calls need, and most calls look into no file.
    """

    def inspect(self, content: bytes, content_type: str, limits: Limits) -> Inspected | Fault:
        """See `Inspector.inspect`; the content type has been held against the first bytes."""
        if content_type == PDF:
            from cloud.adapters import papers  # noqa: PLC0415 - see above

            return papers.inspect(content, limits)
        from cloud.adapters import photos  # noqa: PLC0415 - see above

        return photos.inspect(content, limits)
