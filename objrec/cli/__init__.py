"""The ``objrec`` command: one file a verb, each of which parses, calls the library and prints.

The only home of click and rich. Verbs import the library inside their functions, so that
``objrec --help`` does not pay for importing torch.
"""
