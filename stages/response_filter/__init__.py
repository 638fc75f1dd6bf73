"""A filter of responses: rules or a judge accept them, ask again, or reject the row with a reason."""
