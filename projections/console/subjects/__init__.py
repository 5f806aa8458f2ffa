"""Pages of what money is about: payment, invoice, customer, order, subscription, dispute, bank line; one anatomy."""
