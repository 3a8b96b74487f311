"""Phase 1: from latents to motion, at low resolution.

adjacent     phi1, between two neighbouring knots
fusion       phi2, link by link the long way to an end
refinement   what the images themselves say about it, with `matching`, how well they match under it, and
edges        up to the edges of things
correlation  the shifts of whole pictures
fitting      joins them: the trajectory of a pair, straight or through keyframes
"""
