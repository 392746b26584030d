"""Everything that speaks S3, behind one protocol."""
