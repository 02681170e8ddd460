"""Request bodies to rows. A body either gives exactly the rows it spells out, or `Rejected`."""
