"""`cmr explore`: a page that searches a warehouse, served to this machine alone."""
