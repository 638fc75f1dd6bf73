"""The numbers of all tables of the paper (Hu et al., NAACL 2025), as printed, in the paper's layout."""

from stages.reporting.paper_tables.automatic_tables import TABLE_4, TABLE_5, TABLE_6
from stages.reporting.paper_tables.language_tables import TABLE_9, TABLE_10, TABLE_11
from stages.reporting.paper_tables.manual_tables import TABLE_1, TABLE_2, TABLE_3, TABLE_7, TABLE_8
from stages.reporting.paper_tables.seqeval_tables import TABLE_12, TABLE_13

TABLES = (
    TABLE_1, TABLE_2, TABLE_3, TABLE_4, TABLE_5, TABLE_6, TABLE_7, TABLE_8, TABLE_9, TABLE_10, TABLE_11, TABLE_12,
    TABLE_13,
)  # fmt: skip
