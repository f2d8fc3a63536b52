"""From a turntable: frames of an object that turns become a labelled set with relative azimuth.

`making` does it: `video` reads the frames, `angles` gives each its azimuth, `looking` finds the
object, `joining` puts the images into a new set or one that is there, `sheet` draws the crops.
"""
