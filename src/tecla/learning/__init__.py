"""From files to what is kept of them: reading, cleaning, passages; showing, forgetting, export."""
