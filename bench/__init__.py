"""What we measure, against whom: each number beside a named peer's in the same run."""
