"""Facts become what people read: the report page, its charts, and the cards of published data sets."""
