"""Phase 1: from images and latents to motion, at low resolution.

between      the motion of any moment between two frames, on the moment's own grid
moments      as flows of the moments that are asked for, or as a trajectory through knots
adjacent     phi1, between two neighbouring knots
fusion       phi2, link by link the long way to an end
refinement   what the images themselves say about it
matching     how well two images match under a motion
fitting      joins phi1 and phi2: the trajectory of a pair through keyframes
"""
