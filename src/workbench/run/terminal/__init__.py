"""What commands print: tables on a terminal, in two languages."""
