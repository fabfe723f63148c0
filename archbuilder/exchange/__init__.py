"""Import of models made elsewhere, and export in other formats, compared after writing."""
