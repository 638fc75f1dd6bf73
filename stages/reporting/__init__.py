"""The report page: its sections, tables and charts, made from the metrics of all stages."""
