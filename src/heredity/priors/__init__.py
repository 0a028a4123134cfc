"""Group-distribution regularisation: what the norms of groups of weights should be like, and who goes by it.

Source: patent JP7085158B2, "Neural network learning device"; NOTICE says that patents cover this method.
"""
