"""The lists of customers beside the report: whom they are made of, how they are made, how they are written."""
