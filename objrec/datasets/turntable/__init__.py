"""From a turntable: frames of an object that turns become a labelled set with relative azimuth.

`objrec.datasets.turntable.making` does it, `angles` gives every frame its azimuth, `looking` finds
the object, `joining` adds an object to a set that is there, `sheet` draws the crops to be checked.
"""
