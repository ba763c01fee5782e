"""One module per GPUMD file format, reader and writer together."""
