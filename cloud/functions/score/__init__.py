"""Works out once a month how well partners perform."""
