"""The message that gateway, device and cloud keep: a dictionary, a schema and golden messages."""
