"""Video files in and out, frame by frame: memory does not grow with their length.

formats, hdr, colour     codecs, containers and pixels
reader, decoding, clip   a file, read
writer, audio, timemap   a file, written, with the sound of the output's times
convert, parts, join     the whole job, in parts that are rendered one by one and joined without loss
batch, pools             many of them, over devices and machines
threads, heap            work on either side of it; memory that stays even
"""
