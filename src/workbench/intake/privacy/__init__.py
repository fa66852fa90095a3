"""Contact data outside the contact columns: ids that are mails or phones, free text that holds them."""
