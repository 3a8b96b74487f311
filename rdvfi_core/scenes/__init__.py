"""Rendered scenes, whose motion is known exactly.

scenes      sprites on curved paths over a panning background: frames, flows, visibility
textures    photographs and procedural patterns for them
sample      scenes that are put together by hand, and the one that is shown
hard_cases  clips with one difficulty each
"""
