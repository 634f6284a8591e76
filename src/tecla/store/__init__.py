"""What is kept from one run to the next: feedback, consent, settings, behind one contract."""
