"""Server-rendered pages for partners and for the owner's people."""
