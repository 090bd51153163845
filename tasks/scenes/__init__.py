"""`scenes`, the embedded data set: rendered here, so nothing is downloaded and no photo shipped.

Still lifes and landscapes with ten classes of things. Several classes share an outline and differ
only in fine texture, so that compression costs accuracy as it does on photographs.
"""
