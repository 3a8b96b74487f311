"""Phase 1: from latents to motion, at low resolution.

adjacent     phi1, between two neighbouring knots
fusion       phi2, link by link the long way to an end
refinement   what the images themselves say about it
edges        the same up to the edges of things
matching     how well two images match under a motion
correlation  the shifts of whole pictures
fitting      joins them: the trajectory of a pair, straight or through keyframes
"""
