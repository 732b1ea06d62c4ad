"""INT8 after training: choose frames, see what ranges they give, put explicit Q/DQ into the graph, compare.

    frames.py       which pictures calibrate
    calibrators.py  what range each tensor gets          -> Table
    quantise.py     the graph with Q/DQ, two flavours    Table -> model
    repair.py       what is done where it costs too much: bias.py, equalise.py, adaround.py; sensitivity.py: by layer
    manifest.py     what all of it was made of           trt_cache.py  the same table as TensorRT writes it
"""
